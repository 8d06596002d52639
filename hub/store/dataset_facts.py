"""What rules may know of datasets, for many of them with a handful of statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Row, bindparam, func, select, text

from hub.model import CheckStatus, Severity
from hub.rules.base import CheckName, CheckSeen, Columns, PartitionSeen, UpdateSeen
from hub.store.cursors import Change
from hub.store.reading import among, chunks, json_list, newest_of_each
from hub.store.tables import check_result, dataset_schema, run
from hub.store.tables import dataset_update as update
from hub.store.types import from_micros

#: Updates and partitions of a dataset that rules see.
UPDATES: Final = 10
PARTITIONS: Final = 400

_UPDATES = select(
    update.c.id,
    update.c.dataset_id,
    update.c.at,
    update.c.partition_key,
    update.c.rows,
    update.c.bytes,
    update.c.schema_id,
)


def updates_seen(
    connection: Connection, datasets: Sequence[int], count: int = UPDATES
) -> dict[int, list[UpdateSeen]]:
    """The latest updates of each dataset, the latest first."""
    keys = newest_of_each(connection, update, "dataset_id", "at", list(datasets), count)
    rows = among(connection, _UPDATES, update.c.id, keys)
    rows.sort(key=lambda row: (row.at, row.id), reverse=True)
    found: dict[int, list[UpdateSeen]] = defaultdict(list)
    for row in rows:
        found[row.dataset_id].append(
            UpdateSeen(row.id, row.at, row.partition_key, row.rows, row.bytes, row.schema_id)
        )
    return found


def schemas_seen(
    connection: Connection, updates: Iterable[Sequence[UpdateSeen]]
) -> dict[int, Columns]:
    """The schemas of updates, by id, of those datasets that have several."""
    told = ({one.schema_id for one in some if one.schema_id} for some in updates)
    wanted = set(chain.from_iterable(several for several in told if len(several) > 1))
    statement = select(dataset_schema.c.id, dataset_schema.c.fields)
    return {
        row.id: {name: kind for name, kind, _ in json_list(row.fields)}
        for row in among(connection, statement, dataset_schema.c.id, wanted)
    }


# -- partitions --------------------------------------------------------------------------------

# Along the index of partitions, backwards. SQLite has no LATERAL.
_LAST: Final = """
    FROM dataset_update WHERE dataset_id = wanted.value AND partition_key <> ''
    GROUP BY partition_key ORDER BY partition_key DESC LIMIT :count"""
_LATEST_PARTITIONS: Final = {
    "sqlite": text(
        "SELECT wanted.value AS dataset_id, (SELECT json_group_array(json_array(key, a, b)) FROM"
        f" (SELECT partition_key AS key, min(at) AS a, max(at) AS b {_LAST})) AS found"
        " FROM json_each(:keys) AS wanted"
    ),
    "postgresql": text(
        "SELECT wanted.value AS dataset_id, json_agg(json_build_array(key, a, b))::text AS found"
        " FROM unnest(CAST(:keys AS bigint[])) AS wanted(value), LATERAL"
        f" (SELECT partition_key AS key, min(at) AS a, max(at) AS b {_LAST}) AS latest"
        " GROUP BY 1"
    ),
}
_PARTITIONS = (
    select(
        update.c.partition_key,
        func.min(update.c.at).label("first_at"),
        func.max(update.c.at).label("last_at"),
    )
    .where(update.c.dataset_id == bindparam("dataset"), update.c.partition_key != "")
    .group_by(update.c.partition_key)
)

Partitions = dict[str, PartitionSeen]


def partitions_seen(
    connection: Connection, datasets: Iterable[int], also: Mapping[int, Iterable[str]]
) -> dict[int, Partitions]:
    """The partitions of each dataset that are the last in the alphabet; `also`: named ones."""
    found: dict[int, Partitions] = defaultdict(dict)
    dialect = connection.dialect.name
    for some in chunks(datasets):
        keys = msgspec.json.encode(some).decode() if dialect == "sqlite" else some
        given = {"keys": keys, "count": PARTITIONS}
        for row in connection.execute(_LATEST_PARTITIONS[dialect], given):
            for key, first, last in json_list(row.found):
                found[row.dataset_id][key] = PartitionSeen(from_micros(first), from_micros(last))
    for dataset, named in also.items():
        for row in among(connection, _PARTITIONS, update.c.partition_key, named, dataset=dataset):
            found[dataset][row.partition_key] = PartitionSeen(row.first_at, row.last_at)
    return found


# -- checks ------------------------------------------------------------------------------------


class _Told(Struct):
    """What a change tells of a check."""

    check: str
    column: str = ""
    partition: str = ""


_told = msgspec.json.Decoder(_Told)
Checks = dict[int, set[CheckName]]


def checks_told(connection: Connection, changes: Iterable[Change]) -> Checks:
    """The checks of each dataset that there is news of. One that names no partition is on its run's."""
    told = [
        (change.dataset_id, change.run_id, _told.decode(change.detail))
        for change in changes
        if change.dataset_id and change.detail and change.kind.startswith("check_")
    ]
    runs = {run_id for _, run_id, one in told if run_id and not one.partition}
    statement = select(run.c.id, run.c.partition_key)
    partitions = {row.id: row.partition_key for row in among(connection, statement, run.c.id, runs)}
    found: Checks = defaultdict(set)
    for dataset, run_id, one in told:
        partition = one.partition or partitions.get(run_id) or ""
        found[dataset].add(CheckName(one.check, one.column, partition))
    return found


# Backwards along the index of results; those without a partition of their own are on their run's.
_LATEST_CHECK: Final = """
    SELECT mine.id FROM check_result AS mine {join} WHERE mine.dataset_id = {dataset}
    AND mine.name = {name} AND mine.column_name = {column} AND mine.partition_key = {key}
    {more} ORDER BY mine.at DESC, mine.id DESC LIMIT 1"""


def _latest_checks(*, own: bool) -> dict[str, Any]:
    """Takes `wanted`, JSON lists of dataset, name, column, partition, as a JSON list."""
    statements = {}
    for dialect, part, source in (
        ("sqlite", "json_extract(wanted.value, '$[{}]')", "json_each(:wanted) AS wanted"),
        (
            "postgresql",
            "(wanted.value ->> {})",
            "jsonb_array_elements(CAST(:wanted AS jsonb)) AS wanted(value)",
        ),
    ):
        first = part.format(0)
        latest = _LATEST_CHECK.format(
            dataset=first if dialect == "sqlite" else f"{first}::bigint",
            name=part.format(1),
            column=part.format(2),
            key=part.format(3) if own else "''",
            join="" if own else "LEFT JOIN run ON run.id = mine.run_id",
            more="" if own else f"AND coalesce(run.partition_key, '') = {part.format(3)}",
        )
        statements[dialect] = text(f"SELECT ({latest}) AS id FROM {source}")
    return statements


_OF_PARTITION, _OF_RUN = _latest_checks(own=True), _latest_checks(own=False)
_CHECKS = select(check_result, func.coalesce(run.c.partition_key, "").label("of_run")).select_from(
    check_result.outerjoin(run, run.c.id == check_result.c.run_id)
)


def checks_seen(connection: Connection, wanted: Checks) -> dict[int, list[CheckSeen]]:
    """The latest result of each of the checks."""
    listed = [
        (dataset, *msgspec.structs.astuple(name))
        for dataset, names in sorted(wanted.items())
        for name in sorted(names)
    ]
    ids: set[int] = set()
    dialect = connection.dialect.name
    for some in chunks(listed):
        for statement, asked in (
            (_OF_PARTITION, [one for one in some if one[3]]),
            (_OF_RUN, some),
        ):
            given = {"wanted": msgspec.json.encode(asked).decode()}
            ids.update(filter(None, connection.scalars(statement[dialect], given)))
    latest: dict[tuple[int, CheckName], CheckSeen] = {}
    for row in among(connection, _CHECKS, check_result.c.id, ids):
        one = _check(row)
        held = latest.get((row.dataset_id, one.name))
        if held is None or one.at > held.at:
            latest[row.dataset_id, one.name] = one
    found: dict[int, list[CheckSeen]] = defaultdict(list)
    for (dataset, _), one in sorted(latest.items()):
        found[dataset].append(one)
    return found


def _check(row: Row[Any]) -> CheckSeen:
    return CheckSeen(
        CheckName(row.name, row.column_name, row.partition_key or row.of_run),
        row.at,
        CheckStatus(row.status),
        Severity(row.severity),
        row.expected,
        row.actual,
    )
