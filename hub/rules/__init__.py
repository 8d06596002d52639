"""What can go wrong: every file is one kind of rule; pure, without a store or a clock."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules


def load() -> None:
    """Registers every kind of this folder."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
