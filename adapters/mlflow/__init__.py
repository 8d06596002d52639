"""An MLflow tracking server and model registry, asked over its REST API."""

from adapters.mlflow.adapter import MLflow

__all__ = ["MLflow"]
