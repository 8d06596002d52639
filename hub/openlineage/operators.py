"""What runs in a task, as Airflow says in its facet of the run."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Raw, Struct


class _Task(Struct, frozen=True):
    operator_class: str | None = None
    operator_class_path: str | None = None
    deferrable: bool | None = None
    mode: str | None = None


class _Airflow(Struct, frozen=True):
    task: _Task = _Task()


class OperatorTold(Struct, frozen=True):
    """Its class and where that is. deferrable: it waits outside of workers. mode: of a sensor."""

    name: str
    path: str
    deferrable: bool
    mode: str | None


def operator_of(facets: Mapping[str, Raw]) -> OperatorTold | None:
    """None: nothing that can be read says it."""
    told = facets.get("airflow")
    if told is None:
        return None
    try:
        task = msgspec.json.decode(told, type=_Airflow).task
    except msgspec.MsgspecError:
        return None
    path = task.operator_class_path or ""
    name = task.operator_class or path.rpartition(".")[2]
    return OperatorTold(name, path, task.deferrable or False, task.mode) if name else None
