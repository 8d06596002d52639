"""What a backfill of an orchestrator is to run: one run for each partition."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, insert, select

from hub.model import EntityName
from hub.ports import Span
from hub.store.tables import launch_effect

_EFFECT = launch_effect.c


def plan_effects(
    connection: Connection, planned: Iterable[tuple[int, EntityName, Sequence[Span]]]
) -> None:
    """A row for each partition of launches that are new."""
    rows = [
        {
            "launch_id": number,
            "no": no,
            "job_namespace": name.namespace,
            "job_name": name.name,
            "partition_key": span.partition,
            "begin_at": span.begin,
            "finish_at": span.end,
        }
        for number, name, spans in planned
        for no, span in enumerate(spans, 1)
    ]
    if rows:
        connection.execute(insert(launch_effect), rows)


def spans_of(connection: Connection, number: int) -> list[Span]:
    mine = select(launch_effect).where(_EFFECT.launch_id == number).order_by(_EFFECT.no)
    rows = connection.execute(mine)
    return [Span(row.partition_key or "", row.begin_at, row.finish_at) for row in rows]
