"""The end of a run's log, as long as its pods are there or the server keeps their logs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from adapters.argo.api import BASE, Api, seg
from adapters.argo.events import Place
from adapters.argo.tasks import tasks_of
from adapters.argo.wire import FAILED, POD_NAMES, Entry, Node, Streamed, Workflow
from hub.ports import LogTail, RunName

#: Of a pod's name, but for its number.
_STEM: Final = 242
_ERROR: Final = re.compile(
    r"^(?:[\w.]+\.)?\w*(?:Error|Exception|Failure|Interrupt|Timeout)\b.*", re.IGNORECASE
)


def log_tail(api: Api, place: Place, run: RunName, attempt: int, lines: int) -> LogTail:
    """Of a task's try its pod's, of a workflow that of all its pods together."""
    kubernetes = run.job.name.partition("/")[0]
    name, _, rest = run.natural_id.partition("/")
    uid, _, node_id = rest.partition("/")
    row = api.workflow(kubernetes, name, uid)
    if row is None:
        return LogTail((), "the workflow was deleted")
    node = _node(row, node_id, attempt)
    url = place.page(row.metadata, node_id or None)
    if lines <= 0 or (node_id and (node is None or node.type != "Pod")):
        return LogTail((), _why(row, node), url)
    pod = {} if node is None else {"podName": pod_of(row, node)}
    asked = {"logOptions.container": "main", "logOptions.tailLines": str(lines), **pod}
    path = f"{BASE}/workflows/{seg(kubernetes)}/{seg(name)}/log"
    answer = api.http.ask("GET", path, params=asked)
    if not answer.ok:
        raise api.failure(answer, path)
    told = [one.content for one in _entries(answer.body)][-lines:]
    return LogTail(told, _error(told) or _why(row, node), url)


def pod_of(row: Workflow, node: Node) -> str:
    """As the controller calls it: nowhere does it tell."""
    name = row.metadata.name
    if row.metadata.annotations.get(POD_NAMES) == "v1":
        return node.id
    if node.name == name:
        return name
    stem = f"{name}-{node.template_name}" if node.template_name else name
    return f"{stem[:_STEM]}-{fnv1a(node.name.encode())}"


def fnv1a(data: bytes) -> int:
    """The hash FNV-1a of 32 bits."""
    found = 0x811C9DC5
    for byte in data:
        found = (found ^ byte) * 0x01000193 & 0xFFFFFFFF
    return found


def _node(row: Workflow, node_id: str, attempt: int) -> Node | None:
    """Of a task that is tried several times the pod of this try, as far as it is known which."""
    task = next((task for task in tasks_of(row) if task.node_id == node_id), None)
    if task is None:
        return None
    retry = row.status.nodes.get(node_id)
    one = f"{retry.name}({attempt - 1})" if retry is not None else ""
    found = (node for node in row.status.nodes.values() if node.name == one)
    return next(found, task.node)


def _entries(stream: bytes) -> Iterator[Entry]:
    """A stream of JSON, one message a line; what is no entry is passed over."""
    for line in stream.splitlines():
        try:
            told = msgspec.json.decode(line, type=Streamed)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        if told.result is not None:
            yield told.result


def _error(lines: Sequence[str]) -> str | None:
    return next((line for line in reversed(lines) if _ERROR.match(line)), None)


def _why(row: Workflow, node: Node | None) -> str | None:
    """What Argo says."""
    told = row.status if node is None else node
    return told.message or None if told.phase in FAILED else None
