"""Airflow 3.x and 2.x over their REST APIs."""

from adapters.airflow.adapter import Airflow

__all__ = ["Airflow"]
