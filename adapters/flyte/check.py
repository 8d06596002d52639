"""What works of a connection, and what to change where it doesn't: each permission is tried."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial

from adapters.base.connection import clock, tried
from adapters.flyte.api import BASE, Api
from hub.errors import Unavailable
from hub.ports import Finding, Grade


def check(api: Api, places: Sequence[str]) -> Iterator[Finding]:
    """Findings, in the order in which things have to work."""
    try:
        answer = api.http.ask("GET", f"{BASE}/version")
        if not answer.ok:
            raise api.failure(answer, f"{BASE}/version")
    except Unavailable as error:
        mend = "check `url` and credentials, and that the hub may reach it"
        yield Finding("address", Grade.BAD, str(error), mend)
        return
    yield Finding("address", Grade.GOOD, api.http.url)
    now = datetime.now(UTC)
    for place in places:
        yield tried(f"list executions of {place}", partial(api.changed, place, now, 0))
        yield tried(f"list launch plans of {place}", partial(api.plans, place))
    yield from clock(api.http.skew_s)
