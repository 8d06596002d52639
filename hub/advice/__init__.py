"""Advice: every file is one anti-pattern that metadata alone can show, and what to do instead.

A pattern is a pure function from what is seen of all jobs and datasets to pieces of advice; the
clock is an argument, and nothing is told of fewer runs than `base.LEAST`.
"""

from importlib import import_module
from pkgutil import iter_modules


def load() -> None:
    """Registers every pattern of this folder."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
