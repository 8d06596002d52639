"""What a workflow ran: its tasks with their tries, found in the tree of its nodes. Pure.

Only what does something is a task: pods, HTTP and plugin calls, waits, what was skipped. Steps, DAGs
and loops only hold others. A node of the type Retry has a child for each try, `load(0)`, `load(1)`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from adapters.argo.wire import FAILED, RETRY, Arguments, Node, Workflow

_DOING: Final = frozenset({"Pod", "HTTP", "Plugin", "Suspend", "Skipped", RETRY})
#: What a node's name says of steps and loops: `etl[0].load(1:eu)`.
_PLACES: Final = re.compile(r"\[\d+\]|\(\d+(?::[^()]*)?\)")


class Try(Struct, frozen=True):
    """retried: another one followed, or will."""

    phase: str
    started: datetime | None
    finished: datetime | None
    message: str = ""
    retried: bool = False


class Task(Struct, frozen=True):
    """path: where in the workflow, without numbers of steps and loops. node: of its latest try."""

    node_id: str
    path: str
    node: Node
    tries: Sequence[Try]
    inputs: Arguments = Arguments()
    outputs: Arguments = Arguments()


def tasks_of(row: Workflow) -> list[Task]:
    nodes = row.status.nodes
    tries = {node.id: _tries(node, nodes) for node in nodes.values() if node.type == RETRY}
    below = {one.id for found in tries.values() for one in found}
    return [
        _task(row, node, tries.get(node.id) or [node])
        for _, node in sorted(nodes.items())
        if node.type in _DOING and node.id not in below
    ]


def first_number(starts: Sequence[datetime | None], attempt: int, began: datetime | None) -> int:
    """The number of the first of these tries, where the hub knows try `attempt`, which `began` then.

    A workflow that is retried goes on under its name: its nodes that failed are made anew, and nothing
    tells that there were others before.
    """
    if began is None:
        return max(1, attempt - len(starts) + 1)
    for place, start in enumerate(starts):
        if start is not None and start >= began:
            return max(1, attempt - place + (start > began))
    return max(1, attempt - len(starts))


def path_of(workflow: str, node: Node) -> str:
    """`etl-x7.extract[1].load(0:eu)` of the workflow etl-x7 is `extract.load`."""
    inner = node.name.removeprefix(workflow) if node.name.startswith(workflow) else node.name
    parts = [part for part in _PLACES.sub("", inner).split(".") if part]
    return ".".join(parts) or node.template_name or "main"


def _tries(retry: Node, nodes: Mapping[str, Node]) -> list[Node]:
    by_name = {nodes[key].name: nodes[key] for key in retry.children if key in nodes}
    found: list[Node] = []
    while (one := by_name.get(f"{retry.name}({len(found)})")) is not None:
        found.append(one)
    return found


def _task(row: Workflow, node: Node, tries: Sequence[Node]) -> Task:
    last = tries[-1]
    again = node.type == RETRY and node.phase not in {*FAILED, "Succeeded"}
    told = [_try(one, retried=one is not last or again) for one in tries]
    path = path_of(row.metadata.name, node)
    outputs = last.outputs or node.outputs or Arguments()
    return Task(node.id, path, last, told, last.inputs or node.inputs or Arguments(), outputs)


def _try(node: Node, *, retried: bool) -> Try:
    retried = retried and node.phase in FAILED
    return Try(node.phase, node.started_at, node.finished_at, node.message, retried)
