"""Flyte 1, asked over the REST API of its admin service."""

from adapters.flyte.adapter import Flyte

__all__ = ["Flyte"]
