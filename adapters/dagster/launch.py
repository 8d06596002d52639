"""Starting runs and backfills, each at most once as far as Dagster allows.

Dagster has no idempotent launch: two calls make two runs, whatever their tags. So the run is looked
for by its tag, launched with it, and looked for again; of several the oldest stays and the others
are cancelled. Runs that Dagster made of one of them (retries) carry its tags, and are not duplicates.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct, field

from adapters.dagster.events import Place
from adapters.dagster.graphql import GraphQL
from adapters.dagster.queries import BACKFILL, BACKFILLS, LAUNCH, PARTITIONS, TERMINATE
from adapters.dagster.runs import by_tags
from adapters.dagster.targets import LOCATION, Target, find_target
from adapters.dagster.wire import ENDED, PARTITION_TAG, Fault, Pair, Run, Typed
from hub.errors import Unavailable, shorten
from hub.ports import BackfillPlan, Json, Launched, LaunchRequest

KEY_TAG: Final = "trackside/launch_key"
BACKFILL_TAG: Final = "trackside/backfill_key"  # which the backfill's runs carry too
NOTE_TAG: Final = "trackside/note"
CAUSE_RUN_TAG: Final = "trackside/cause_run"
CAUSE_JOB_TAG: Final = "trackside/cause_job"
_NOTE_CHARACTERS: Final = 200
_LOOKED_AT: Final = 100
_KEY_FORMATS: Final = ("%Y-%m-%d", "%Y-%m-%d-%H:%M", "%Y-%m", "%Y-%m-%d-%H", "%Y")


class _Started(Struct, frozen=True, rename="camel"):
    run_id: str


class _Launch(Typed, frozen=True):
    run: _Started | None = None
    errors: list[Fault] = field(default_factory=list)


class _LaunchAnswer(Struct, frozen=True):
    launched: _Launch = field(name="launchRun")


class _TerminateAnswer(Struct, frozen=True):
    terminated: Typed = field(name="terminateRun")


class _Backfill(Typed, frozen=True, rename="camel"):
    backfill_id: str = ""


class _BackfillAnswer(Struct, frozen=True):
    launched: _Backfill = field(name="launchPartitionBackfill")


class _HeldBackfill(Struct, frozen=True):
    id: str
    timestamp: float | None = None
    tags: list[Pair] = []


class _Backfills(Typed, frozen=True):
    results: list[_HeldBackfill] = field(default_factory=list)


class _BackfillsAnswer(Struct, frozen=True):
    backfills: _Backfills = field(name="partitionBackfillsOrError")


class _Status(Struct, frozen=True, rename="camel"):
    partition_name: str
    run_status: str | None = None


class _Statuses(Typed, frozen=True):
    results: list[_Status] = field(default_factory=list)


class _Set(Typed, frozen=True):
    statuses: _Statuses = field(name="partitionStatusesOrError", default=_Statuses())


class _PartitionsAnswer(Struct, frozen=True):
    found: _Set = field(name="partitionSetOrError")


def find(graphql: GraphQL, key: str, place: Place) -> Launched | None:
    """The run that was launched with the key."""
    runs = _launched_with(graphql, key)
    return _told(key, runs[0], place, again=True) if runs else None


def launch(graphql: GraphQL, request: LaunchRequest, place: Place) -> Launched:
    """Unavailable, permanent, if Dagster refuses the job or its configuration; NotReady if no code
    location that is loaded has the job.
    """
    if found := find(graphql, request.key, place):
        return found
    conf = dict(request.conf)
    target = find_target(graphql, request.job.name, _location(conf))
    tags = {
        KEY_TAG: request.key,
        PARTITION_TAG: request.partition,
        NOTE_TAG: request.note[:_NOTE_CHARACTERS],
    }
    if (cause := request.cause) is not None:
        tags |= {
            CAUSE_RUN_TAG: cause.run_id,
            CAUSE_JOB_TAG: f"{cause.job.namespace}/{cause.job.name}",
        }
    params = {
        "selector": target.selector(),
        "runConfigData": conf,
        "mode": "default",
        "executionMetadata": {"tags": _tags(tags)},
    }
    try:
        answer = graphql.mutate(LAUNCH, _LaunchAnswer, {"params": params}).launched
        _accepted(answer, "LaunchRunSuccess", answer.errors)
    except Unavailable:
        if found := find(graphql, request.key, place):
            return found  # it was launched, and the answer got lost
        raise
    runs = _launched_with(graphql, request.key)
    for duplicate in runs[1:]:
        _cancel(graphql, duplicate)
    own = answer.run.run_id if answer.run else ""
    first = runs[0].run_id if runs else own
    return Launched(request.key, first, place.run_page(first), again=first != own)


def backfill(graphql: GraphQL, plan: BackfillPlan, place: Place) -> Launched:
    """Of partitions by name, or of those whose time lies between start and end."""
    if held := _backfill_with(graphql, plan.key):
        return _told_backfill(plan.key, held, place, again=True)
    target = find_target(graphql, plan.job.name, None)
    names = list(plan.partitions) or _slots(graphql, target, plan)
    if not names:
        raise Unavailable("this backfill has no partitions to run", permanent=True)
    params: Json = {
        "partitionNames": names,
        "tags": _tags({BACKFILL_TAG: plan.key}),
        "fromFailure": False,
    }
    if target.asset:
        params["assetSelection"] = [{"path": list(target.asset)}]
    else:
        params["selector"] = {
            "partitionSetName": _partition_set(target),
            "repositorySelector": target.repository_selector(),
        }
    try:
        answer = graphql.mutate(BACKFILL, _BackfillAnswer, {"params": params}).launched
        _accepted(answer, "LaunchBackfillSuccess", [])
    except Unavailable:
        if held := _backfill_with(graphql, plan.key):
            return _told_backfill(plan.key, held, place, again=True)
        raise
    return _told_backfill(plan.key, answer.backfill_id, place, again=False)


def _slots(graphql: GraphQL, target: Target, plan: BackfillPlan) -> list[str]:
    """Partitions from start to end; without `rerun` only those that have not succeeded."""
    variables = {"repository": target.repository_selector(), "set": _partition_set(target)}
    answer, _ = graphql.query(PARTITIONS, _PartitionsAnswer, variables)
    graphql.expect(answer.found, "PartitionSet")
    graphql.expect(answer.found.statuses, "PartitionStatuses")
    return [
        one.partition_name
        for one in answer.found.statuses.results
        if (plan.rerun or one.run_status != "SUCCESS")
        and _within(_time_of(one.partition_name), plan.start, plan.end)
    ]


def _time_of(partition: str) -> datetime:
    for pattern in _KEY_FORMATS:
        try:
            return datetime.strptime(partition, pattern).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise Unavailable(
        f"the partition {shorten(partition)} is no time: name the partitions to run, "
        "instead of a start and an end",
        permanent=True,
    )


def _within(at: datetime, start: datetime | None, end: datetime | None) -> bool:
    return (start is None or start <= at) and (end is None or at <= end)


def _partition_set(target: Target) -> str:
    return f"{target.job}_partition_set"


def _launched_with(graphql: GraphQL, key: str) -> list[Run]:
    """The oldest first, without retries of them."""
    runs = by_tags(graphql, [(KEY_TAG, key)], _LOOKED_AT)
    own = [run for run in runs if not run.parent_run_id]
    return sorted(own, key=lambda run: (run.creation_time or 0.0, run.run_id))


def _backfill_with(graphql: GraphQL, key: str) -> str:
    """Among the latest backfills: Dagster can't be asked for them by tag."""
    answer, _ = graphql.query(BACKFILLS, _BackfillsAnswer, {"limit": _LOOKED_AT})
    graphql.expect(answer.backfills, "PartitionBackfills")
    held = [b for b in answer.backfills.results if Pair(BACKFILL_TAG, key) in b.tags]
    return min(held, key=lambda b: b.timestamp or 0.0).id if held else ""


def _cancel(graphql: GraphQL, run: Run) -> None:
    """Softly; a run that is just starting can only be marked as cancelled."""
    for policy in ("SAFE_TERMINATE", "MARK_AS_CANCELED_IMMEDIATELY"):
        if run.status in ENDED:
            return
        variables = {"run": run.run_id, "policy": policy}
        answer = graphql.mutate(TERMINATE, _TerminateAnswer, variables)
        if answer.terminated.typename == "TerminateRunSuccess":
            return


def _accepted(answer: Typed, typename: str, errors: Sequence[Fault]) -> None:
    """Unavailable unless it was; a PythonError may pass, what Dagster has a type for does not."""
    if answer.typename == typename:
        return
    told = "; ".join(one.message for one in errors) or answer.message or ""
    raise Unavailable(
        f"Dagster refused to start it ({answer.typename}): {shorten(told.strip(), 600)}",
        permanent=answer.typename != "PythonError",
    )


def _location(conf: Json) -> str | None:
    """Taken out of the configuration, where it says which code location is meant."""
    told = conf.pop(LOCATION, None)
    return told if isinstance(told, str) else None


def _tags(tags: dict[str, str | None]) -> list[Json]:
    return [{"key": key, "value": value} for key, value in tags.items() if value]


def _told(key: str, run: Run, place: Place, *, again: bool) -> Launched:
    return Launched(key, run.run_id, place.run_page(run.run_id), again)


def _told_backfill(key: str, backfill_id: str, place: Place, *, again: bool) -> Launched:
    return Launched(key, backfill_id, place.run_page(f"b/{backfill_id}"), again)
