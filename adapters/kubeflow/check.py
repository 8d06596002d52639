"""What works of a connection, and what to change where it doesn't: each permission is tried."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from adapters.base.connection import clock, tried
from adapters.kubeflow.api import Api
from hub.errors import Unavailable
from hub.ports import Finding, Grade


def check(api: Api, namespace: str) -> Iterator[Finding]:
    """Findings, in the order in which things have to work."""
    try:
        health = api.health()
    except Unavailable as error:
        mend = "check `url` and `token`, and that the hub may reach it"
        yield Finding("address", Grade.BAD, str(error), mend)
        return
    yield Finding("address", Grade.GOOD, api.http.url)
    if health.multi_user and not namespace:
        told = "it serves several users, each in a Kubernetes namespace"
        yield Finding("namespace", Grade.BAD, told, "set `kubernetes_namespace`")
    yield tried("list runs", lambda: api.ended(datetime.now(UTC), ""))
    yield tried("list recurring runs", api.recurring)
    yield tried("list pipelines", api.pipelines)
    yield from clock(api.http.skew_s)
