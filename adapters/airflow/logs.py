"""The end of a task's log, and the line that tells why it failed."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from adapters.airflow.api import Api, seg
from adapters.airflow.events import Place
from adapters.airflow.open_runs import splits_of
from adapters.airflow.wire import TaskInstance, TaskInstances
from hub.ports import LogTail, RunName

_ERROR: Final = re.compile(
    r"(?:[\w.]+\.)?\w*(?:Error|Exception|Failure|Interrupt|Timeout)\b(?::.*)?"
)
_LIST: Final = "/dags/~/dagRuns/~/taskInstances/list"


class Log(Struct):
    content: Any = None


def log_tail(api: Api, run: RunName, attempt: int, lines: int) -> LogTail:
    """Of a task's try; of a Dag run, the log of a task that failed in it, else nothing."""
    row = _task(api, run)
    if row is None:
        return LogTail(())
    number = attempt if row.task_id and f"{row.dag_id}.{row.task_id}" == run.job.name else 0
    path = f"/dags/{seg(row.dag_id)}/dagRuns/{seg(row.dag_run_id)}/taskInstances/"
    path += f"{seg(row.task_id)}/logs/{number or max(row.try_number, 1)}"
    answer = api.ask("GET", path, params={"map_index": row.map_index, "full_content": "true"})
    content = api.read(answer, path, Log).content
    place = Place(run.job.namespace, api.url, api.is_old)
    url = place.page(row.dag_id, row.dag_run_id, row.task_id, row.map_index)
    told = lines_of(content)
    return LogTail(told[-lines:], error_in(content, told), url)


def lines_of(content: Any) -> list[str]:
    """3.x: a list of structured messages (or lines); 2.x: text, a list of (host, text) as Python."""
    if isinstance(content, str):
        return _old_text(content).splitlines()
    return [_line(entry) for entry in content] if isinstance(content, list) else []


def error_in(content: Any, lines: Sequence[str]) -> str | None:
    """The exception, as structured by 3.x, else the last line that looks like one."""
    for entry in reversed(content if isinstance(content, list) else []):
        detail = entry.get("error_detail") if isinstance(entry, dict) else None
        if isinstance(detail, list) and detail and isinstance(detail[-1], dict):
            kind, value = detail[0].get("exc_type"), detail[0].get("exc_value")
            return f"{kind}: {value}" if value else str(kind)
    found = (match[0] for line in reversed(lines) if (match := _ERROR.search(line)))
    return next(found, None)


def _line(entry: Any) -> str:
    if not isinstance(entry, dict):
        return str(entry)
    head = [str(entry[name]) for name in ("timestamp", "level") if entry.get(name)]
    return " ".join([*head, str(entry.get("event", ""))])


def _old_text(content: str) -> str:
    try:
        pairs = ast.literal_eval(content)
        return "\n".join(str(text) for _, text in pairs)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return content


def _task(api: Api, run: RunName) -> TaskInstance | None:
    splits = splits_of(run.job.name)
    body: dict[str, object] = {"dag_run_ids": [run.natural_id], "page_limit": 1000}
    body["dag_ids"] = sorted({dag for dag, _ in splits} | {run.job.name})
    rows = api.search(_LIST, TaskInstances, body).task_instances
    for row in rows:
        if (row.dag_id, row.task_id) in splits and row.map_index == run.map_index:
            return row
    failed = [row for row in rows if row.dag_id == run.job.name and row.state == "failed"]
    return failed[0] if failed else None
