"""A Metaflow metadata service, asked over its REST API."""

from adapters.metaflow.adapter import Metaflow

__all__ = ["Metaflow"]
