"""What works of a connection, and what to change where it doesn't: each permission is tried."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from adapters.base.connection import tried
from adapters.sagemaker.api import Api
from hub.errors import TracksideError
from hub.ports import Finding, Grade


def check(api: Api) -> Iterator[Finding]:
    """Findings, in the order in which things have to work."""
    try:
        rows = api.pipelines()
    except TracksideError as error:
        mend = "check `region` and credentials, and that the hub may reach it"
        yield Finding("list pipelines", Grade.BAD, str(error), mend)
        return
    yield Finding("list pipelines", Grade.GOOD, f"{api.http.url}, {len(rows)} pipelines")
    if not rows:
        return
    name, now = rows[0].pipeline_name, datetime.now(UTC).timestamp()
    yield tried("list executions", lambda: next(api.executions(name, now - 1, "Ascending"), None))
    arn = "arn:aws:sagemaker:eu-central-1:000000000000:pipeline/none/execution/none"
    yield tried("describe executions", lambda: api.execution(arn))
    yield tried("list steps", lambda: api.steps(arn))
