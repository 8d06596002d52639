"""Backfills that Dagster runs, whoever began them: how they stand. Their runs carry their id."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from msgspec import Struct, field

from adapters.dagster.graphql import GraphQL
from adapters.dagster.queries import OWN_BACKFILLS
from adapters.dagster.runs import OVERLAP
from adapters.dagster.wire import Key, Typed, moment
from hub.model import BackfillObserved

#: Of the latest, and of those under way.
MOST: Final = 50
#: Words that every Dagster knows: another one would refuse the whole question.
UNDER_WAY: Final = ("REQUESTED", "CANCELING")
_NAMED: Final = 5
_SET: Final = "_partition_set"  # what Dagster appends to a job's name


class _Backfill(Struct, frozen=True, rename="camel"):
    id: str
    status: str = ""
    timestamp: float | None = None
    end_timestamp: float | None = None
    num_partitions: int | None = None
    partition_set_name: str | None = None
    asset_selection: list[Key] | None = None

    @property
    def about(self) -> str:
        """Its job, or its assets."""
        if self.partition_set_name:
            return self.partition_set_name.removesuffix(_SET)
        names = [key.name for key in self.asset_selection or ()]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        return ", ".join(names[:_NAMED]) + more

    def observed(self, at: datetime) -> BackfillObserved:
        begun, ended = moment(self.timestamp), moment(self.end_timestamp)
        about, count = self.about, self.num_partitions
        return BackfillObserved(self.id, self.status, at, about, count, begun, ended)


class _Backfills(Typed, frozen=True):
    results: list[_Backfill] = field(default_factory=list)


class _Answer(Struct, frozen=True):
    latest: _Backfills
    open: _Backfills


def own_backfills(
    graphql: GraphQL, since: datetime | None, observed_at: datetime
) -> Iterator[BackfillObserved]:
    """The latest, and those under way; not those that had ended well before `since`."""
    given = {"limit": MOST, "open": {"statuses": list(UNDER_WAY)}}
    answer, _ = graphql.query(OWN_BACKFILLS, _Answer, given)
    graphql.expect(answer.latest, "PartitionBackfills")
    graphql.expect(answer.open, "PartitionBackfills")
    found = {one.id: one for one in (*answer.open.results, *answer.latest.results)}
    for one in found.values():
        ended = moment(one.end_timestamp)
        if ended is None or since is None or ended >= since - OVERLAP:
            yield one.observed(observed_at)
