"""What a backfill asks of partitions and runs, besides how partitions stand."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Select, bindparam, select

from hub.store.neighbours import outermost
from hub.store.partition_facts import key_of
from hub.store.reading import among
from hub.store.tables import attempt, dataset_update, run

_ATTEMPTS: Final[Select[Any]] = select(attempt.c.id, attempt.c.job_id, attempt.c.run_id)
_SINCE: Final[Select[Any]] = (
    select(
        dataset_update.c.at,
        dataset_update.c.partition_key.label("told"),
        run.c.partition_key,
        run.c.nominal_start,
        run.c.nominal_end,
    )
    .outerjoin(run, run.c.id == dataset_update.c.run_id)
    .where(
        dataset_update.c.dataset_id == bindparam("dataset"),
        dataset_update.c.at >= bindparam("since", type_=dataset_update.c.at.type),
    )
    .order_by(dataset_update.c.at)
)
_STATES: Final[Select[Any]] = select(run.c.id, run.c.state)


class Made(NamedTuple):
    """By whom something was made: an outermost job, and a run."""

    job: int
    run: int


def makers_by_attempt(connection: Connection, attempts: Iterable[int]) -> dict[int, Made]:
    rows = among(connection, _ATTEMPTS, attempt.c.id, attempts)
    outer = {key: outermost(connection, [key])[0] for key in {row.job_id for row in rows}}
    return {row.id: Made(outer[row.job_id], row.run_id) for row in rows}


def updated_since(connection: Connection, dataset: int, since: datetime) -> dict[str, datetime]:
    """When partitions of a dataset were updated last, of those that were since then.

    By the keys that were told; "" stands for the dataset as a whole.
    """
    found: dict[str, datetime] = {}
    for row in connection.execute(_SINCE, {"dataset": dataset, "since": since}):
        found[""] = row.at
        key = row.told or (key_of(row) if row.nominal_start or row.partition_key else None)
        if key:
            found[key] = row.at
    return found


def run_states(connection: Connection, runs: Iterable[int]) -> dict[int, str]:
    return {row.id: row.state for row in among(connection, _STATES, run.c.id, runs)}
