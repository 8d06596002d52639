"""What to paste so that Airflow pushes its lineage to the hub too."""

from __future__ import annotations

import json
from shlex import quote


def openlineage_setup(hub_url: str, namespace: str) -> str:
    """Lines for the environment of every process of Airflow; the token is left to be filled in."""
    transport = {
        "type": "http",
        "url": hub_url.rstrip("/"),
        "endpoint": "api/v1/lineage",
        "auth": {"type": "api_key", "apiKey": "tsk_..."},
    }
    return f"""\
# pip install apache-airflow-providers-openlineage, where Airflow runs; then, in the environment of
# scheduler, workers, triggerer and API server (manual changes of a state come from there):
export AIRFLOW__OPENLINEAGE__TRANSPORT='{json.dumps(transport)}'
export AIRFLOW__OPENLINEAGE__NAMESPACE={quote(namespace)}
# The token: trackside token create NAME --scope ingest --namespace {quote(namespace)}
"""
