"""The end of a run's log."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from adapters.base.lineage import iso
from adapters.prefect.api import Api
from adapters.prefect.events import Place
from adapters.prefect.wire import FlowRun, Line, TaskRun
from hub.ports import Json, LogTail, RunName

_ERROR_LEVEL: Final = 40
_NAMES: Final = {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}
_ERROR: Final = re.compile(
    r"^(?:[\w.]+\.)?\w*(?:Error|Exception|Failure|Interrupt|Timeout)\b.*", re.MULTILINE
)


def log_tail(api: Api, place: Place, run: RunName, lines: int) -> LogTail:
    """Of a flow run or a task run, all its tries together, as Prefect keeps them."""
    ids = {"any_": [run.natural_id]}
    which: Json = {"operator": "or_", "flow_run_id": ids, "task_run_id": ids}
    rows, _ = api.page("/logs/filter", Line, {"logs": which, "sort": "TIMESTAMP_DESC"})
    told = [line for row in reversed(rows) for line in _lines(row)]
    return LogTail(told[-lines:] if lines > 0 else (), _error(rows), _url(api, place, run))


def _lines(row: Line) -> list[str]:
    level = _NAMES.get(row.level, str(row.level))
    first, *rest = row.message.splitlines() or [""]
    return [f"{iso(row.timestamp)} {level} {first}", *rest]


def _error(rows: Sequence[Line]) -> str | None:
    """The last exception that an error tells of, else the last error."""
    errors = [row.message for row in rows if row.level >= _ERROR_LEVEL]
    for message in errors:
        if found := _ERROR.findall(message):
            return str(found[-1])
    return errors[0].splitlines()[0] if errors and errors[0] else None


def _url(api: Api, place: Place, run: RunName) -> str | None:
    row = api.find(f"/flow_runs/{run.natural_id}", FlowRun)
    found = row or api.find(f"/task_runs/{run.natural_id}", TaskRun)
    return None if found is None else place.url(found)
