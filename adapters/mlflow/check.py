"""What works of a connection, and what to change where it doesn't."""

from __future__ import annotations

from collections.abc import Iterator

from adapters.base.connection import clock, tried
from adapters.mlflow.api import Api
from hub.errors import Unavailable
from hub.ports import Finding, Grade


def check(api: Api) -> Iterator[Finding]:
    """Findings, in the order in which things have to work."""
    try:
        experiments = [one.experiment_id for one in api.experiments()]
    except Unavailable as error:
        mend = "check `url` and credentials, and that the hub may reach it"
        yield Finding("address", Grade.BAD, str(error), mend)
        return
    yield Finding("address", Grade.GOOD, f"{api.http.url}, {len(experiments)} experiments")
    if experiments:
        where, order = "attributes.end_time >= 0", "attributes.end_time DESC"
        yield tried("read runs", lambda: api.runs(experiments[:1], where, order))
    yield tried("read registered models", api.models)
    yield tried("read model versions", lambda: next(api.versions()))
    yield from clock(api.http.skew_s)
