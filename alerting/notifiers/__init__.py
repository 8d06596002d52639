"""Every file or folder here is one channel the hub can tell people or other systems through."""

from importlib import import_module
from pkgutil import iter_modules


def load() -> None:
    """Imports them all; each registers itself."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
