"""Prefect 3, asked over its REST API."""

from adapters.prefect.adapter import Prefect

__all__ = ["Prefect"]
