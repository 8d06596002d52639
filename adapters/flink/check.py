"""What works of a connection, and what to change where it doesn't."""

from __future__ import annotations

from collections.abc import Iterator

from adapters.base.connection import clock, tried
from adapters.flink.api import Api
from hub.errors import Unavailable
from hub.ports import Finding, Grade


def check(api: Api) -> Iterator[Finding]:
    """Findings, in the order in which things have to work."""
    try:
        version = api.version()
    except Unavailable as error:
        mend = "check `url` (and `token`, `headers`), and that the hub may reach it"
        yield Finding("address", Grade.BAD, str(error), mend)
        return
    yield Finding("address", Grade.GOOD, f"{api.http.url}, Flink {version}")
    yield tried("list jobs", api.jobs)
    yield tried("read slots", api.overview)
    yield from clock(api.http.skew_s)
