"""What works of a connection, and what to change where it doesn't: each permission is tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial

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
        yield _tried(f"list executions of {place}", partial(api.changed, place, now, 0))
        yield _tried(f"list launch plans of {place}", partial(api.plans, place))
    skew_s = api.http.skew_s
    if skew_s is not None and abs(skew_s) > 60:
        yield Finding("clock", Grade.WARNING, f"{skew_s:+.0f} s from ours", "set both by NTP")


def _tried(what: str, read: Callable[[], object]) -> Finding:
    try:
        read()
    except Unavailable as error:
        return Finding(what, Grade.BAD, str(error), "see the text")
    return Finding(what, Grade.GOOD)
