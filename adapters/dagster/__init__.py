"""Dagster: kind `dagster`."""

from adapters.dagster.adapter import Dagster
from hub.ports import adapters

adapters.register("dagster")(Dagster)

__all__ = ["Dagster"]
