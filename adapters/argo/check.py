"""What works of a connection, and what to change where it doesn't: each permission is tried."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from adapters.argo.api import Api
from adapters.base.connection import clock, tried
from hub.errors import Unavailable
from hub.ports import Finding, Grade


def check(api: Api) -> Iterator[Finding]:
    """Findings, in the order in which things have to work."""
    try:
        version = api.version()
    except Unavailable as error:
        mend = "check `url` and `token`, and that the hub may reach it"
        yield Finding("address", Grade.BAD, str(error), mend)
        return
    yield Finding("address", Grade.GOOD, api.http.url)
    yield _version(version)
    now = datetime.now(UTC)
    yield tried("list workflows", lambda: api.created(now, 0))
    yield tried("list cron workflows", api.cron_workflows)
    yield tried("list workflow templates", api.templates)
    yield from clock(api.http.skew_s)


def _version(version: str) -> Finding:
    found = re.match(r"v?(\d+)\.(\d+)", version)
    if found is not None and (int(found[1]), int(found[2])) < (3, 7):
        mend = "before 3.7 it can't be asked for what was created since: each poll reads all"
        return Finding("version", Grade.WARNING, f"Argo Workflows {version}", mend)
    return Finding("version", Grade.GOOD, f"Argo Workflows {version}")
