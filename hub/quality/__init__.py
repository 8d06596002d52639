"""Results of quality tools, each in a file of its own: documents to lineage events. Pure."""

from importlib import import_module
from pkgutil import iter_modules


def load() -> None:
    """Imports them all; each registers itself."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
