"""Updates as subscriptions are asked about them: which dataset by all its names, made how."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection, Select, func, select

from hub.model import ChangeKind, EntityName
from hub.schedules.timekeys import interval_key
from hub.store.arrivals import Facts
from hub.store.bulk import Fetch, bulk_of
from hub.store.cursors import Change
from hub.store.reading import among
from hub.store.tables import (
    check_result,
    dataset,
    dataset_tag,
    dataset_update,
    job,
    namespace,
    offer,
    run,
    team,
)
from hub.store.types import from_micros


class Written(Struct, frozen=True):
    """An update. recorded_at: when the hub heard of it; unknown of those that are asked for.

    nominal: of one without a partition, that of the data interval of its run; "": it has none.
    """

    id: int
    dataset_id: int
    partition: str
    at: datetime
    run_id: int | None = None
    rows: int | None = None
    bytes: int | None = None
    recorded_at: datetime | None = None
    nominal: str = ""


class Offered(Struct, frozen=True):
    """A dataset by all its names, the first its own, and to whom it is offered. teams: None: to
    everybody.
    """

    id: int
    names: tuple[EntityName, ...]
    team: str | None = None
    teams: frozenset[str] | None = None

    def is_open_to(self, name: str | None) -> bool:
        return self.teams is None or (name is not None and name in {self.team, *self.teams})


_COLUMNS = ["id", "dataset_id", "partition_key", "at", "run_id", "rows", "bytes", "cause"]
_BY_CAUSE = Fetch(dataset_update, ["dataset_id", "cause"], _COLUMNS)


def written(connection: Connection, changes: Iterable[Change]) -> list[Written]:
    """The updates of which the changes tell, in their order. One that was taken back, because more
    is known of it by now, is none.
    """
    told = [one for one in changes if one.kind == ChangeKind.DATASET_UPDATED and one.dataset_id]
    meant = meant_by(connection, {one.dataset_id for one in told if one.dataset_id})
    wanted: dict[tuple[int, int, str], Change] = {}
    for one in told:
        detail = msgspec.json.decode(one.detail or "{}")
        cause = one.attempt_id or detail.get("cause")
        if cause is not None and one.dataset_id in meant:
            wanted[meant[one.dataset_id], cause, detail.get("partition", "")] = one
    keys = sorted({key[:2] for key in wanted})
    found = {(row[1], row[7], row[2]): row for row in bulk_of(connection).fetch(_BY_CAUSE, keys)}
    told_of = [_written(found[key], one.at) for key, one in wanted.items() if key in found]
    return _with_nominal(connection, told_of)


def _written(row: Sequence[Any], recorded_at: datetime | None) -> Written:
    number, dataset_id, partition, at, run_id, rows, size, _ = row
    return Written(number, dataset_id, partition, from_micros(at), run_id, rows, size, recorded_at)


def updates_between(
    connection: Connection,
    datasets: Collection[int],
    since: datetime,
    until: datetime,
    limit: int,
) -> list[Written]:
    """Updates of these datasets that were made then, the oldest first."""
    mine = dataset_update.c
    statement = (
        select(
            mine.id,
            mine.dataset_id,
            mine.partition_key,
            mine.at,
            mine.run_id,
            mine.rows,
            mine.bytes,
        )
        .where(mine.dataset_id.in_(sorted(datasets)), mine.at >= since, mine.at < until)
        .order_by(mine.at, mine.id)
        .limit(limit)
    )
    return _with_nominal(connection, [Written(*row) for row in connection.execute(statement)])


_parent = run.alias("parent")
_INTERVALS: Select[Any] = (
    select(
        run.c.id,
        func.coalesce(run.c.nominal_start, _parent.c.nominal_start).label("begin"),
        func.coalesce(run.c.nominal_end, _parent.c.nominal_end).label("end"),
    )
    .outerjoin(_parent, _parent.c.id == run.c.parent_run_id)
    .where(func.coalesce(run.c.nominal_end, _parent.c.nominal_end).is_not(None))
)


def _with_nominal(connection: Connection, told: list[Written]) -> list[Written]:
    """A task says what it writes, and the run around it for which interval."""
    runs = {one.run_id for one in told if one.run_id is not None and not one.partition}
    found = {
        row.id: interval_key(row.begin, row.end)
        for row in among(connection, _INTERVALS, run.c.id, runs)
        if row.begin is not None
    }
    return [
        replace(one, nominal=found[one.run_id])
        if not one.partition and one.run_id in found
        else one
        for one in told
    ]


# -- datasets ----------------------------------------------------------------------------------


def meant_by(connection: Connection, keys: Iterable[int]) -> dict[int, int]:
    """The dataset that each stands for: itself, if it is no symlink of another."""
    return {row.id: row.meant for row in among(connection, _MEANT, dataset.c.id, keys)}


_MEANT: Select[Any] = select(
    dataset.c.id, func.coalesce(dataset.c.canonical_id, dataset.c.id).label("meant")
)


def datasets_named(connection: Connection, names: Iterable[EntityName]) -> dict[EntityName, int]:
    """Those that are there; a symlink's name gives the dataset that it stands for."""
    wanted = set(names)
    rows = among(connection, _NAMED, dataset.c.name, {one.name for one in wanted})
    found = {EntityName(row.space, row.name): row.meant for row in rows}
    return {name: key for name, key in found.items() if name in wanted}


_NAMED: Select[Any] = select(
    namespace.c.name.label("space"),
    dataset.c.name,
    func.coalesce(dataset.c.canonical_id, dataset.c.id).label("meant"),
).join(namespace, namespace.c.id == dataset.c.namespace_id)


def offered(connection: Connection, keys: Iterable[int]) -> dict[int, Offered]:
    """The datasets, by their ids, with all their names and to whom they are offered."""
    wanted = sorted(set(keys))
    own = among(connection, _OFFERED, dataset.c.id, wanted)
    also = among(connection, _OFFERED, dataset.c.canonical_id, wanted)
    others: dict[int, list[Any]] = {}
    for row in also:
        others.setdefault(row.canonical_id, []).append(row)
    return {row.id: _offered(row, others.get(row.id, [])) for row in own}


_OFFERED: Select[Any] = (
    select(
        dataset.c.id,
        dataset.c.canonical_id,
        namespace.c.name.label("space"),
        dataset.c.name,
        dataset.c.team,
        team.c.private,
        offer.c.visibility,
        offer.c.teams,
    )
    .join(namespace, namespace.c.id == dataset.c.namespace_id)
    .outerjoin(team, team.c.name == dataset.c.team)
    .outerjoin(offer, (offer.c.namespace == namespace.c.name) & (offer.c.name == dataset.c.name))
)


def _offered(row: Any, others: Sequence[Any]) -> Offered:
    names = [EntityName(one.space, one.name) for one in (row, *others)]
    return Offered(row.id, tuple(dict.fromkeys(names)), row.team, open_to(row))


def open_to(row: Any) -> frozenset[str] | None:
    """The teams that may subscribe besides its own; None: everybody."""
    if row.visibility in (None, "usual"):
        return frozenset() if row.private else None
    if row.visibility == "public":
        return None
    return frozenset(msgspec.json.decode(row.teams)) if row.visibility == "teams" else frozenset()


# -- facts -------------------------------------------------------------------------------------


def facts_of(connection: Connection, updates: Sequence[Written]) -> dict[int, Facts]:
    """What conditions may ask of each update, by its id."""
    runs = {one.run_id for one in updates if one.run_id is not None}
    makers = {row.id: row for row in among(connection, _MAKERS, run.c.id, runs)}
    tags = _tags(connection, {one.dataset_id for one in updates})
    metrics = _metrics(connection, runs)
    return {
        one.id: Facts(
            one.rows,
            one.bytes,
            metrics.get((one.dataset_id, one.run_id), {}),
            tags.get(one.dataset_id, ()),
            _maker(makers.get(one.run_id)),
            getattr(makers.get(one.run_id), "team", None),
        )
        for one in updates
    }


_MAKERS: Select[Any] = (
    select(run.c.id, namespace.c.name.label("space"), job.c.name, job.c.team)
    .join(job, job.c.id == run.c.job_id)
    .join(namespace, namespace.c.id == job.c.namespace_id)
)


def _maker(row: Any) -> EntityName | None:
    return None if row is None else EntityName(row.space, row.name)


def _tags(connection: Connection, keys: Iterable[int]) -> dict[int, tuple[str, ...]]:
    """Of datasets, not of their columns; as `key` and, where it has a value, `key:value`."""
    found: dict[int, list[str]] = {}
    mine = dataset_tag.c
    for row in among(connection, _TAGS, mine.dataset_id, keys):
        told = [row.tag] if row.value in ("", row.tag) else [row.tag, f"{row.tag}:{row.value}"]
        found.setdefault(row.dataset_id, []).extend(told)
    return {key: tuple(sorted(told)) for key, told in found.items()}


_TAGS: Select[Any] = select(dataset_tag.c.dataset_id, dataset_tag.c.tag, dataset_tag.c.value).where(
    dataset_tag.c.field == ""
)


def _metrics(
    connection: Connection, runs: Iterable[int]
) -> dict[tuple[int, int | None], dict[str, float]]:
    """What checks have measured, by the name of the check, or column.name."""
    found: dict[tuple[int, int | None], dict[str, float]] = {}
    for row in among(connection, _MEASURED, check_result.c.run_id, runs):
        value = _number(row.actual)
        if value is None:
            continue
        name = f"{row.column_name}.{row.name}" if row.column_name else row.name
        found.setdefault((row.dataset_id, row.run_id), {})[name] = value
    return found


_MEASURED: Select[Any] = select(
    check_result.c.dataset_id,
    check_result.c.run_id,
    check_result.c.name,
    check_result.c.column_name,
    check_result.c.actual,
).where(check_result.c.actual.is_not(None))


def latest_metric(connection: Connection, dataset_id: int, metric: str) -> float | None:
    """Of the latest update of any partition that has it; `rows` and `bytes` are metrics, too."""
    if metric in ("rows", "bytes"):
        column = dataset_update.c[metric]
        mine = dataset_update.c
        statement = (
            select(column)
            .where(mine.dataset_id == dataset_id)
            .order_by(mine.at.desc(), mine.id.desc())
            .limit(1)
        )
        value = connection.scalar(statement)
        return None if value is None else float(value)
    column_name, _, name = metric.rpartition(".")
    checks = check_result.c
    statement = (
        select(checks.actual)
        .where(
            checks.dataset_id == dataset_id,
            checks.name == name,
            checks.column_name == column_name,
            checks.actual.is_not(None),
        )
        .order_by(checks.at.desc())
        .limit(1)
    )
    return _number(connection.scalar(statement))


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
