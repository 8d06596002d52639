"""Kubeflow Pipelines 2, asked over its REST API v2beta1."""

from adapters.kubeflow.adapter import Kubeflow

__all__ = ["Kubeflow"]
