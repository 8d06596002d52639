"""Every file here is one kind of outside condition that becomes an update of a dataset."""

from importlib import import_module
from pkgutil import iter_modules


def load() -> None:
    """Imports them all; each registers itself."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
