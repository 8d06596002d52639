"""What was learned of datasets: their volumes and the time between their updates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import product
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, select

from hub.baselines.baseline import Baseline
from hub.baselines.growth import Growing, fit_growing
from hub.baselines.intervals import fit_intervals
from hub.baselines.samples import Sample
from hub.rules.base import Subject
from hub.store.facts import BASELINE_AGE, RETRY_AGE, new_normals
from hub.store.histories import SAMPLES
from hub.store.reading import among, newest_of_each
from hub.store.tables import dataset_baseline
from hub.store.tables import dataset_update as update
from hub.store.types import EPOCH
from hub.store.upsert import upsert

ROWS: Final = "rows"
BYTES: Final = "bytes"
INTERVAL: Final = "interval"
#: By how much a volume must differ at least to matter.
FLOORS: Final[Mapping[str, float]] = {ROWS: 10.0, BYTES: 100_000.0}
#: So many updates teach a volume where the usual number of them spans less than this.
_MORE: Final = 600
_ENOUGH: Final = timedelta(days=21)
#: Updates whose times are read.
_TIMES: Final = 5000

Value = Growing | Baseline | None
Learned = dict[tuple[int, str], Value]
"""By dataset and metric."""

_KEPT = select(dataset_baseline)
_VOLUMES = select(update.c.dataset_id, update.c.at, update.c.rows, update.c.bytes)


class Kept(Struct, frozen=True):
    """`wanted`: those that should be learned anew, the oldest first."""

    values: Learned
    wanted: list[tuple[int, str]]


def kept(
    connection: Connection, datasets: Sequence[int], metrics: Iterable[str], now: datetime
) -> Kept:
    """What is known of the metrics of each dataset."""
    values: Learned = {}
    due = dict.fromkeys(product(datasets, metrics), EPOCH)
    for row in among(connection, _KEPT, dataset_baseline.c.dataset_id, datasets):
        key = (row.dataset_id, row.metric)
        if key in due:
            values[key] = _value(row.metric, row.payload)
            due[key] = row.fitted_at
            if now - row.fitted_at <= (RETRY_AGE if row.payload is None else BASELINE_AGE):
                del due[key]
    return Kept(values, sorted(due, key=due.__getitem__))


def _value(metric: str, payload: str | None) -> Value:
    if payload is None:
        return None
    kind: Any = Baseline if metric == INTERVAL else Growing
    value: Value = msgspec.json.decode(payload, type=kind)
    return value


def learn(connection: Connection, wanted: Sequence[tuple[int, str]]) -> Learned:
    """From history, but for the latest update of each dataset: it is what will be judged."""
    volumes = sorted({key for key, metric in wanted if metric != INTERVAL})
    samples = _samples(connection, volumes)
    return {
        (key, metric): fit_intervals(_times(connection, key))
        if metric == INTERVAL
        else fit_growing(samples[key, metric], FLOORS[metric])
        for key, metric in wanted
    }


def _samples(connection: Connection, datasets: list[int]) -> dict[tuple[int, str], list[Sample]]:
    found = _latest(connection, datasets, SAMPLES)
    # Where these are days only, no weekend is among them.
    short = {
        key
        for (key, _), some in found.items()
        if len(some) >= SAMPLES and max(some).at - min(some).at < _ENOUGH
    }
    return found | _latest(connection, sorted(short), _MORE)


def _latest(
    connection: Connection, datasets: list[int], count: int
) -> dict[tuple[int, str], list[Sample]]:
    ids = newest_of_each(connection, update, "dataset_id", "at", datasets, count + 1)
    rows = among(connection, _VOLUMES, update.c.id, ids)
    normal = new_normals(connection, Subject.DATASET, datasets, {"volume"})
    latest: dict[int, datetime] = {}
    for row in rows:
        latest[row.dataset_id] = max(latest.get(row.dataset_id, row.at), row.at)
    found: dict[tuple[int, str], list[Sample]] = defaultdict(list)
    for row in rows:
        for metric, value in ((ROWS, row.rows), (BYTES, row.bytes)):
            counts = normal.get(row.dataset_id, EPOCH) < row.at < latest[row.dataset_id]
            if value is not None and counts:
                found[row.dataset_id, metric].append(Sample(row.at, value))
    return found


def _times(connection: Connection, dataset: int) -> list[datetime]:
    normal = new_normals(connection, Subject.DATASET, [dataset], {"freshness"})
    mine = select(update.c.at).where(
        update.c.dataset_id == dataset, update.c.at > normal.get(dataset, EPOCH)
    )
    return list(connection.scalars(mine.order_by(update.c.at.desc()).limit(_TIMES)))


def save(connection: Connection, learned: Learned, now: datetime) -> None:
    rows = [
        {
            "dataset_id": key,
            "metric": metric,
            "payload": None if value is None else msgspec.json.encode(value).decode(),
            "fitted_at": now,
        }
        for (key, metric), value in sorted(learned.items(), key=lambda item: item[0])
    ]
    upsert(connection, dataset_baseline, rows)


def forget(connection: Connection, dataset_id: int) -> None:
    """What is normal for the dataset is learned anew, from what counts by now."""
    mine = dataset_baseline.c.dataset_id == dataset_id
    connection.execute(dataset_baseline.delete().where(mine))
