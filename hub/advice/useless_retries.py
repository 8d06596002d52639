"""Runs are tried again and again after failures that trying again does not heal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from msgspec import Struct

from hub.advice.base import EXAMPLES, LEAST, Advice, Example, TrySeen, World, pattern, spoken
from hub.failures import WHAT_TO_DO, FailureClass, classify
from hub.model import RunState

#: What somebody must first change something for. So few runs tell it: the class says why.
HOPELESS: Final = frozenset({FailureClass.AUTH, FailureClass.DATA_QUALITY})
RUNS: Final = 5
#: What is tried again later than this a person has tried again.
BY_ITSELF: Final = timedelta(hours=2)


class _Retried(Struct, frozen=True):
    """A run that was tried again by itself. sort: of its first failure."""

    tries: Sequence[TrySeen]
    sort: FailureClass

    @property
    def healed(self) -> bool:
        """It has completed, or may yet."""
        return self.tries[-1].state not in {RunState.FAILED, RunState.ABORTED}

    @property
    def lost_s(self) -> float:
        """From the first failure to the last."""
        first, last = self.tries[0], self.tries[-1]
        begin, end = first.ended_at or first.first_at, last.ended_at or last.first_at
        return max(0.0, (end - begin).total_seconds())


@pattern("useless_retries", "Retries that never heal")
def useless_retries(world: World, now: datetime) -> Iterator[Advice]:  # noqa: ARG001
    for job, runs in _by_job(world.tries).items():
        if job not in world.jobs:
            continue
        sorts: dict[FailureClass, list[_Retried]] = defaultdict(list)
        for run in runs:
            sorts[run.sort].append(run)
        hopeless = {
            sort: mine
            for sort, mine in sorts.items()
            if len(mine) >= (RUNS if sort in HOPELESS else LEAST)
            and not any(run.healed for run in mine)
        }
        if hopeless:
            yield _told(world, job, hopeless)


def _by_job(tries: Sequence[TrySeen]) -> Mapping[int, list[_Retried]]:
    by_run: dict[tuple[int, int], list[TrySeen]] = defaultdict(list)
    for one in tries:
        by_run[one.job, one.run].append(one)
    found: dict[int, list[_Retried]] = defaultdict(list)
    for (job, _), mine in by_run.items():
        ordered = sorted(mine, key=lambda one: one.no)
        if len(ordered) > 1 and ordered[0].state == RunState.FAILED and _by_itself(ordered):
            first = ordered[0]
            found[job].append(_Retried(ordered, classify(first.error_class, first.error_message)))
    return found


def _by_itself(tries: Sequence[TrySeen]) -> bool:
    return all(
        after.first_at - (before.ended_at or before.first_at) <= BY_ITSELF
        for before, after in pairwise(tries)
    )


def _told(world: World, key: int, found: Mapping[FailureClass, Sequence[_Retried]]) -> Advice:
    job = world.jobs[key]
    runs = [run for mine in found.values() for run in mine]
    retries = sum(len(run.tries) - 1 for run in runs)
    lost = sum(run.lost_s for run in runs)
    worst = max(found, key=lambda sort: len(found[sort]))
    sorts = ", ".join(str(sort).replace("_", " ") for sort in found)
    return Advice(
        kind="useless_retries",
        job=job.name,
        team=job.team,
        says=f"{len(runs)} runs were tried {retries} more times after failures of {sorts}, "
        f"and not one of them completed; it cost {spoken(lost)} until that was told",
        fix=f"do not try again after such a failure (AirflowFailException in Airflow, Failure with "
        f"allow_retries=False in Dagster, `rerun` by class of failure here); {WHAT_TO_DO[worst]}",
        evidence={
            "runs": len(runs),
            "retries": retries,
            "healed": 0,
            "lostS": round(lost, 1),
            "byClass": {str(sort): len(mine) for sort, mine in found.items()},
        },
        examples=[
            Example(
                f"tried {len(run.tries)} times; {_said(run.tries[-1])}", job.name, run.tries[-1].id
            )
            for run in list(reversed(runs))[:EXAMPLES]
        ],
        jobs=frozenset({key}),
    )


def _said(one: TrySeen) -> str:
    lines = (one.error_message or one.error_class or "it said nothing").strip().splitlines()
    return lines[0][:120] if lines else "it said nothing"
