"""Argo Workflows, asked over the REST API of its server."""

from adapters.argo.adapter import Argo

__all__ = ["Argo"]
