"""What works of a connection, and what to change where it doesn't."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from adapters.base.connection import clock, tried
from adapters.metaflow.api import Api
from hub.errors import Unavailable
from hub.ports import Finding, Grade


def check(api: Api, patterns: Sequence[str]) -> Iterator[Finding]:
    """Findings, in the order in which things have to work."""
    try:
        flows = [one.flow_id for one in api.flows()]
    except Unavailable as error:
        mend = "check `url` and `auth_key`, and that the hub may reach it"
        yield Finding("address", Grade.BAD, str(error), mend)
        return
    yield Finding("address", Grade.GOOD, f"{api.http.url}, {len(flows)} flows")
    ours = [name for name in flows if any(fnmatchcase(name, one) for one in patterns)]
    if flows and not ours:
        told = f"none of its {len(flows)} flows is looked at"
        yield Finding("flows", Grade.WARNING, told, "check `flows`")
    if ours:
        yield tried("list runs", lambda: api.runs(ours[0]))
    yield from clock(api.http.skew_s)
