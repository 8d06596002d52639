"""Flink, asked over the REST API of its JobManager."""

from adapters.flink.adapter import Flink

__all__ = ["Flink"]
