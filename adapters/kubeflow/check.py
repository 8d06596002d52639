"""What works of a connection, and what to change where it doesn't: each permission is tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

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
    yield _tried("list runs", lambda: api.ended(datetime.now(UTC), ""))
    yield _tried("list recurring runs", api.recurring)
    yield _tried("list pipelines", api.pipelines)
    skew_s = api.http.skew_s
    if skew_s is not None and abs(skew_s) > 60:
        yield Finding("clock", Grade.WARNING, f"{skew_s:+.0f} s from ours", "set both by NTP")


def _tried(what: str, read: Callable[[], object]) -> Finding:
    try:
        read()
    except Unavailable as error:
        return Finding(what, Grade.BAD, str(error), "see the text")
    return Finding(what, Grade.GOOD)
