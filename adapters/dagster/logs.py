"""The event log of a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from adapters.dagster.events import Place
from adapters.dagster.graphql import GraphQL
from adapters.dagster.queries import LOG, OUTPUT
from adapters.dagster.wire import Fault, LogAnswer, LogEvent, Typed, from_millis, iso
from hub.ports import LogTail

PAGE: Final = 1_000  # Dagster gives no more at once
PAGES: Final = 20
_FAILED: Final = ("STEP_FAILURE", "STEP_UP_FOR_RETRY", "RUN_FAILURE")


def read_log(graphql: GraphQL, run_id: str) -> Iterator[LogEvent]:
    """From its beginning, at most 20,000 entries: Dagster can't be asked for the last ones."""
    after: str | None = None
    for _ in range(PAGES):
        variables = {"run": run_id, "after": after, "limit": PAGE}
        answer, _date = graphql.query(LOG, LogAnswer, variables)
        if answer.log.typename == "RunNotFoundError":
            return
        graphql.expect(answer.log, "EventConnection")
        yield from answer.log.events
        if not answer.log.has_more or answer.log.cursor in {None, after}:
            return
        after = answer.log.cursor


def run_error(log: list[LogEvent]) -> Fault | None:
    """Why a run failed: what its first failed step says, else what the run itself says."""
    failures = {one.event_type: one for one in reversed(log) if one.error or one.message}
    step, run = failures.get("STEP_FAILURE"), failures.get("RUN_FAILURE")
    if step is not None and step.error is not None:
        return step.error
    if run is None:
        return None
    return run.error or Fault(message=run.message or "")


class _Output(Struct, frozen=True):
    stdout: str | None = None
    stderr: str | None = None


class _Run(Typed, frozen=True):
    logs: _Output | None = field(name="capturedLogs", default=None)


class _OutputAnswer(Struct, frozen=True):
    run: _Run = field(name="runOrError")


def tail(graphql: GraphQL, run_id: str, step_key: str, lines: int, place: Place) -> LogTail:
    """The last lines of a run, or with `step_key` of one of its steps."""
    entries: list[LogEvent] = []
    file_key, failed = "", None
    for one in read_log(graphql, run_id):
        if one.file_key and (not step_key or step_key in (one.step_keys or ())):
            file_key = one.file_key
        if step_key and one.step_key != step_key:
            continue
        failed = one if one.event_type in _FAILED and one.error else failed
        entries = [*entries[-lines:], one]
    told = [line for one in entries for line in _lines(one)]
    printed = _printed(graphql, run_id, file_key) if file_key else []
    error = failed.error.first_line if failed and failed.error else None
    return LogTail((told + printed)[-lines:] if lines > 0 else (), error, place.run_page(run_id))


def _lines(one: LogEvent) -> list[str]:
    at = from_millis(one.timestamp)
    text = one.message or one.event_type or ""
    head = f"{iso(at) if at else ''} {one.level or ''} {one.step_key or ''}".strip()
    told = [f"{head}: {text.strip()}"] if text.strip() else []
    if one.error:
        told += one.error.message.strip().splitlines()
        told += [line for cause in one.error.causes for line in cause.message.strip().splitlines()]
    return told


def _printed(graphql: GraphQL, run_id: str, file_key: str) -> list[str]:
    """What the process wrote, if the deployment keeps that where its web server can read it."""
    answer, _ = graphql.query(OUTPUT, _OutputAnswer, {"run": run_id, "file": file_key})
    logs = answer.run.logs or _Output()
    return [*(logs.stdout or "").splitlines(), *(logs.stderr or "").splitlines()]
