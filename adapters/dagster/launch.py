"""Starting runs, each at most once as far as Dagster allows.

Dagster has no idempotent launch: two calls make two runs, whatever their tags. So the run is looked
for by its tag, launched with it, and looked for again; of several the oldest stays and the others
are cancelled. Runs that Dagster made of one of them (retries) carry its tags, and are not duplicates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct, field

from adapters.dagster.events import Place
from adapters.dagster.graphql import GraphQL
from adapters.dagster.queries import LAUNCH, RERUN, TERMINATE
from adapters.dagster.runs import by_tags
from adapters.dagster.targets import find_target, location_of
from adapters.dagster.wire import ENDED, PARTITION_TAG, Fault, Run, Typed
from hub.errors import Declined, Unavailable, shorten
from hub.ports import FailedRun, Json, Launched, LaunchRequest

KEY_TAG: Final = "trackside/launch_key"
NOTE_TAG: Final = "trackside/note"
CAUSE_RUN_TAG: Final = "trackside/cause_run"
CAUSE_JOB_TAG: Final = "trackside/cause_job"
NOTE_CHARACTERS: Final = 200
_LOOKED_AT: Final = 100


class _Started(Struct, frozen=True, rename="camel"):
    run_id: str


class _Launch(Typed, frozen=True):
    run: _Started | None = None
    errors: list[Fault] = field(default_factory=list)


class _LaunchAnswer(Struct, frozen=True):
    launched: _Launch = field(name="launchRun")


class _RerunAnswer(Struct, frozen=True):
    launched: _Launch = field(name="launchRunReexecution")


class _TerminateAnswer(Struct, frozen=True):
    terminated: Typed = field(name="terminateRun")


def find(graphql: GraphQL, key: str, place: Place) -> Launched | None:
    """The run that was launched with the key."""
    runs = _launched_with(graphql, key)
    return _told(key, runs[0], place, again=True) if runs else None


def find_rerun(
    graphql: GraphQL, request: LaunchRequest, failed: FailedRun, place: Place
) -> Launched | None:
    """The run that Dagster was told to make of the failed one."""
    runs = _launched_with(graphql, request.key, failed.natural_id)
    return _told(request.key, runs[0], place, again=True) if runs else None


def rerun(graphql: GraphQL, request: LaunchRequest, failed: FailedRun, place: Place) -> Launched:
    """Re-executes what failed of a run, in a new one."""
    if found := find_rerun(graphql, request, failed, place):
        return found
    tags = tags_of({KEY_TAG: request.key, NOTE_TAG: request.note[:NOTE_CHARACTERS]})
    params = {"parentRunId": failed.natural_id, "strategy": "FROM_FAILURE", "extraTags": tags}
    try:
        answer = graphql.mutate(RERUN, _RerunAnswer, {"params": params}).launched
        if answer.typename == "RunNotFoundError":
            raise Declined(f"the run {failed.natural_id} is gone")
        expect_accepted(answer, "LaunchRunSuccess", answer.errors)
    except Unavailable:
        if found := find_rerun(graphql, request, failed, place):
            return found
        raise
    runs = _launched_with(graphql, request.key, failed.natural_id)
    return _oldest(graphql, request, answer, runs, place)


def launch(graphql: GraphQL, request: LaunchRequest, place: Place) -> Launched:
    """Unavailable, permanent, if Dagster refuses the job or its configuration; NotReady if no code
    location that is loaded has the job.
    """
    if request.failed is not None:
        return rerun(graphql, request, request.failed, place)
    if found := find(graphql, request.key, place):
        return found
    conf = dict(request.conf)
    target = find_target(graphql, request.job.name, location_of(conf))
    tags = {
        KEY_TAG: request.key,
        PARTITION_TAG: request.partition,
        NOTE_TAG: request.note[:NOTE_CHARACTERS],
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
        "executionMetadata": {"tags": tags_of(tags)},
    }
    try:
        answer = graphql.mutate(LAUNCH, _LaunchAnswer, {"params": params}).launched
        expect_accepted(answer, "LaunchRunSuccess", answer.errors)
    except Unavailable:
        if found := find(graphql, request.key, place):
            return found  # it was launched, and the answer got lost
        raise
    return _oldest(graphql, request, answer, _launched_with(graphql, request.key), place)


def _oldest(
    graphql: GraphQL, request: LaunchRequest, answer: _Launch, runs: Sequence[Run], place: Place
) -> Launched:
    for duplicate in runs[1:]:
        _cancel(graphql, duplicate)
    own = answer.run.run_id if answer.run else ""
    first = runs[0].run_id if runs else own
    return Launched(request.key, first, place.run_page(first), again=first != own)


def _launched_with(graphql: GraphQL, key: str, parent: str | None = None) -> list[Run]:
    """The oldest first, without retries of them. parent: the run of which they were made."""
    runs = by_tags(graphql, [(KEY_TAG, key)], _LOOKED_AT)
    own = [run for run in runs if (run.parent_run_id or None) == parent]
    return sorted(own, key=lambda run: (run.creation_time or 0.0, run.run_id))


def _cancel(graphql: GraphQL, run: Run) -> None:
    """Softly; a run that is just starting can only be marked as cancelled."""
    for policy in ("SAFE_TERMINATE", "MARK_AS_CANCELED_IMMEDIATELY"):
        if run.status in ENDED:
            return
        variables = {"run": run.run_id, "policy": policy}
        answer = graphql.mutate(TERMINATE, _TerminateAnswer, variables)
        if answer.terminated.typename == "TerminateRunSuccess":
            return


def expect_accepted(answer: Typed, typename: str, errors: Sequence[Fault]) -> None:
    """Unavailable unless it was; a PythonError may pass, what Dagster has a type for does not."""
    if answer.typename == typename:
        return
    told = "; ".join(one.message for one in errors) or answer.message or ""
    raise Unavailable(
        f"Dagster refused to start it ({answer.typename}): {shorten(told.strip(), 600)}",
        permanent=answer.typename != "PythonError",
    )


def tags_of(tags: dict[str, str | None]) -> list[Json]:
    return [{"key": key, "value": value} for key, value in tags.items() if value]


def _told(key: str, run: Run, place: Place, *, again: bool) -> Launched:
    return Launched(key, run.run_id, place.run_page(run.run_id), again)
