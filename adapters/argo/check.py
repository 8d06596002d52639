"""What works of a connection, and what to change where it doesn't: each permission is tried."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from adapters.argo.api import Api
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
    yield _tried("list workflows", lambda: api.created(now, 0))
    yield _tried("list cron workflows", api.cron_workflows)
    yield _tried("list workflow templates", api.templates)
    skew_s = api.http.skew_s
    if skew_s is not None and abs(skew_s) > 60:
        yield Finding("clock", Grade.WARNING, f"{skew_s:+.0f} s from ours", "set both by NTP")


def _version(version: str) -> Finding:
    found = re.match(r"v?(\d+)\.(\d+)", version)
    if found is not None and (int(found[1]), int(found[2])) < (3, 7):
        mend = "before 3.7 it can't be asked for what was created since: each poll reads all"
        return Finding("version", Grade.WARNING, f"Argo Workflows {version}", mend)
    return Finding("version", Grade.GOOD, f"Argo Workflows {version}")


def _tried(what: str, read: Callable[[], object]) -> Finding:
    try:
        read()
    except Unavailable as error:
        return Finding(what, Grade.BAD, str(error), "see the text")
    return Finding(what, Grade.GOOD)
