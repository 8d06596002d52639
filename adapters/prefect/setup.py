"""What Prefect would need to push to the hub too: nothing is left to push."""

from __future__ import annotations

from typing import Final

_TEXT: Final = """\
Nothing to set up: all that Prefect knows is polled, and Prefect 3 has no OpenLineage of its own.

So that lineage is told, too, say which assets a task writes (prefect.assets.materialize): these are
polled. What runs inside a task (dbt-ol, Spark, the OpenLineage client) may send its own events to

  {hub_url}/api/v1/lineage        (a token with the scope ingest)

and name its task as the parent: run id prefect.runtime.task_run.id, job namespace {namespace}.
"""


def openlineage_setup(hub_url: str, namespace: str) -> str:
    return _TEXT.format(hub_url=hub_url.rstrip("/"), namespace=namespace)
