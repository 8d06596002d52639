"""Workflows that wait, by Kubernetes namespace: the controller bounds how many run at once."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.argo.site import Site
from adapters.argo.wire import Workflow
from hub.model import BacklogObserved, Observation


def backlog(
    site: Site, rows: Sequence[Workflow], before: Sequence[str]
) -> tuple[list[str], list[Observation]]:
    """Of the open workflows. before: namespaces that were told at the last look; those of now."""
    now = sorted({row.metadata.namespace for row in rows})
    return now, [_sample(site, name, rows) for name in sorted({*now, *before})]


def _sample(site: Site, namespace: str, rows: Sequence[Workflow]) -> BacklogObserved:
    mine = [row for row in rows if row.metadata.namespace == namespace]
    waits = [row for row in mine if row.status.phase in {"", "Pending"}]
    since = [at for row in waits if (at := row.metadata.creation_timestamp) is not None]
    oldest = max((site.as_of - at).total_seconds() for at in since) if since else None
    return BacklogObserved(
        pool=f"workflows {namespace}",
        queued=len(waits),
        observed_at=site.as_of,
        running=len(mine) - len(waits),
        oldest_wait_s=None if oldest is None else max(0.0, oldest),
    )
