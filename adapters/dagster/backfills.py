"""Dagster's own backfills: runs for partitions by name.

Two calls make two backfills, so one is looked for by its tag, launched with it, and looked for
again; of several the oldest stays and the others are cancelled. Dagster itself makes one run for
each partition, or one for a range of them, as the asset says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from adapters.dagster.events import Place
from adapters.dagster.graphql import GraphQL
from adapters.dagster.launch import NOTE_CHARACTERS, NOTE_TAG, expect_accepted, tags_of
from adapters.dagster.queries import BACKFILL, BACKFILL_STATUS, BACKFILLS, CANCEL_BACKFILL
from adapters.dagster.runs import by_tags
from adapters.dagster.targets import Target, find_target, location_of
from adapters.dagster.wire import OF_BACKFILL, PARTITION_TAG, RUNNING, Pair, Run, Typed, moment
from hub.errors import Declined, NotFound, Unavailable
from hub.model import EntityName, RunState
from hub.ports import BackfillPlan, Effect, Effects, Json, Launched, Wish

BACKFILL_TAG: Final = "trackside/backfill_key"
RANGE_TAGS: Final = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
WILL_RETRY: Final = "dagster/will_retry"
_LOOKED_AT: Final = 100
#: Retries included.
_RUNS: Final = 2000
_OVER: Final = frozenset(
    {"COMPLETED", "COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "CANCELED"}
)
_ENDS: Final = {
    "SUCCESS": RunState.COMPLETED,
    "FAILURE": RunState.FAILED,
    "CANCELED": RunState.ABORTED,
}
#: What says that there can't be such a backfill.
_NO: Final = frozenset(
    {"PartitionSetNotFoundError", "PartitionKeysNotFoundError", "InvalidSubsetError"}
)


class _Begun(Typed, frozen=True, rename="camel"):
    backfill_id: str = ""


class _BackfillAnswer(Struct, frozen=True):
    launched: _Begun = field(name="launchPartitionBackfill")


class _Held(Struct, frozen=True):
    id: str
    timestamp: float | None = None
    tags: list[Pair] = []


class _HeldBackfills(Typed, frozen=True):
    results: list[_Held] = field(default_factory=list)


class _BackfillsAnswer(Struct, frozen=True):
    backfills: _HeldBackfills = field(name="partitionBackfillsOrError")


class _Status(Typed, frozen=True):
    status: str = ""


class _StatusAnswer(Struct, frozen=True):
    found: _Status = field(name="partitionBackfillOrError")


class _CancelAnswer(Struct, frozen=True):
    cancelled: Typed = field(name="cancelPartitionBackfill")


def backfill(graphql: GraphQL, plan: BackfillPlan, place: Place) -> Launched:
    """Unavailable, permanent, if the job is not the one that is meant."""
    if held := _held(graphql, plan.key):
        return _told(plan, held[0], place, again=True)
    conf = dict(plan.conf)
    target = find_target(graphql, plan.job.name, location_of(conf))
    if conf:
        raise Declined("a backfill of Dagster has no run config of its own")
    try:
        answer = graphql.mutate(BACKFILL, _BackfillAnswer, {"params": _params(target, plan)})
        began = answer.launched
        if began.typename in _NO:
            raise Declined(f"Dagster takes no such backfill ({began.typename}): {began.message}")
        expect_accepted(began, "LaunchBackfillSuccess", [])
    except Unavailable:
        if held := _held(graphql, plan.key):
            return _told(plan, held[0], place, again=True)  # it was begun, and the answer got lost
        raise
    first = _only(graphql, plan.key) or began.backfill_id
    return _told(plan, first, place, again=first != began.backfill_id)


def backfilled(graphql: GraphQL, plan: BackfillPlan, natural_id: str) -> Effects:
    answer, _ = graphql.query(BACKFILL_STATUS, _StatusAnswer, {"backfill": natural_id})
    if answer.found.typename == "BackfillNotFoundError":
        raise NotFound(f"Dagster has no backfill {natural_id} any more")
    graphql.expect(answer.found, "PartitionBackfill")
    runs = by_tags(graphql, [(OF_BACKFILL, natural_id)], _RUNS)
    latest = {
        partition: run
        for run in sorted(runs, key=lambda run: (run.creation_time or 0.0, run.run_id))
        for partition in _partitions(plan, run)
    }
    effects = [_effect(plan, partition, run) for partition, run in latest.items()]
    return Effects(effects, over=answer.found.status in _OVER)


def steer(graphql: GraphQL, natural_id: str, wish: Wish) -> None:
    """Dagster can't pause a backfill."""
    if wish is Wish.CANCEL:
        _cancel(graphql, natural_id)


# -- parts ---------------------------------------------------------------------------------------


def _params(target: Target, plan: BackfillPlan) -> Json:
    note = plan.note[:NOTE_CHARACTERS]
    params: Json = {
        "partitionNames": [span.partition for span in plan.spans],
        "tags": tags_of({BACKFILL_TAG: plan.key, NOTE_TAG: note}),
        "fromFailure": False,
    }
    if target.asset:
        params["assetSelection"] = [{"path": list(target.asset)}]
    else:
        params["selector"] = {
            "partitionSetName": f"{target.job}_partition_set",
            "repositorySelector": target.repository_selector(),
        }
    return params


def _held(graphql: GraphQL, key: str) -> list[str]:
    """The oldest first, among the latest backfills: Dagster can't be asked for them by tag."""
    answer, _ = graphql.query(BACKFILLS, _BackfillsAnswer, {"limit": _LOOKED_AT})
    graphql.expect(answer.backfills, "PartitionBackfills")
    held = [one for one in answer.backfills.results if Pair(BACKFILL_TAG, key) in one.tags]
    return [one.id for one in sorted(held, key=lambda one: (one.timestamp or 0.0, one.id))]


def _only(graphql: GraphQL, key: str) -> str | None:
    held = _held(graphql, key)
    for duplicate in held[1:]:
        _cancel(graphql, duplicate)
    return held[0] if held else None


def _cancel(graphql: GraphQL, natural_id: str) -> None:
    answer = graphql.mutate(CANCEL_BACKFILL, _CancelAnswer, {"backfill": natural_id}).cancelled
    if answer.typename == "UnauthorizedError":
        raise Unavailable(
            f"Dagster may not be told to cancel the backfill {natural_id}: give the token's user "
            "at least the role Launcher",
            permanent=True,
        )


def _partitions(plan: BackfillPlan, run: Run) -> Iterator[str]:
    """The planned partitions that a run is for."""
    names = [span.partition for span in plan.spans]
    first, last = (run.tag(name) for name in RANGE_TAGS)
    if first in names and last in names:
        yield from names[names.index(first) : names.index(last) + 1]
    elif (own := run.tag(PARTITION_TAG)) in names:
        yield own


def _effect(plan: BackfillPlan, partition: str, run: Run) -> Effect:
    """One that Dagster will try again has not ended."""
    state = _ENDS.get(run.status)
    if state is None or (state is RunState.FAILED and run.tag(WILL_RETRY) == "true"):
        state = RunState.RUNNING if state or run.status in RUNNING else RunState.NEW
    job = EntityName(plan.job.namespace, run.job_name)
    return Effect(job, run.run_id, state, moment(run.end_time), partition)


def _told(plan: BackfillPlan, natural_id: str, place: Place, *, again: bool) -> Launched:
    return Launched(plan.key, natural_id, place.run_page(f"b/{natural_id}"), again)
