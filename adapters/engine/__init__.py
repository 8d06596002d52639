"""Own engines: they tell what happens themselves, and are launched by a webhook, HTTP or a pull."""

from adapters.engine.adapter import Engine

__all__ = ["Engine"]
