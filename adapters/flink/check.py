"""What works of a connection, and what to change where it doesn't."""

from __future__ import annotations

from collections.abc import Callable, Iterator

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
    yield _tried("list jobs", api.jobs)
    yield _tried("read slots", api.overview)
    skew_s = api.http.skew_s
    if skew_s is not None and abs(skew_s) > 60:
        yield Finding("clock", Grade.WARNING, f"{skew_s:+.0f} s from ours", "set both by NTP")


def _tried(what: str, read: Callable[[], object]) -> Finding:
    try:
        read()
    except Unavailable as error:
        return Finding(what, Grade.BAD, str(error), "see the text")
    return Finding(what, Grade.GOOD)
