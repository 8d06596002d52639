"""A job's latest run failed, for good: what is retried by its orchestrator has not failed yet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import takewhile
from typing import ClassVar

from pydantic import Field

from hub.model import FINISHED_STATES, ChangeKind, RunState
from hub.rules.base import (
    Fact,
    JobSeen,
    Judgement,
    RuleConfig,
    RunSeen,
    Status,
    Subject,
    Verdict,
    healed,
    kinds,
)


class Failures(RuleConfig):
    """When a failure is told."""

    in_a_row: int = Field(1, ge=1, le=20, description="runs that fail one after the other")


@kinds.register("failed_run")
class FailedRun:
    """One incident from the first failure until a run completes."""

    Config: ClassVar[type[RuleConfig]] = Failures
    subject: ClassVar = Subject.JOB
    needs: ClassVar = frozenset({Fact.RUNS})
    wakes: ClassVar = frozenset({ChangeKind.RUN_FAILED, ChangeKind.RUN_COMPLETED})

    def __init__(self, config: Failures) -> None:
        self._in_a_row = config.in_a_row

    def judge(self, job: JobSeen, as_of: datetime) -> Judgement:  # noqa: ARG002  not about absence
        ended = [run for run in job.runs if run.state in FINISHED_STATES]
        # A run that was stopped says nothing about whether the job works.
        told = [run for run in ended if run.state is not RunState.ABORTED]
        failed = list(takewhile(lambda run: run.state is RunState.FAILED, told))
        if not failed:
            return Judgement(healed(job.open, _recovered(told)) if told else ())
        if len(failed) < self._in_a_row and not job.open:
            return Judgement()
        key = min(job.open, default=str(failed[-1].id))
        return Judgement((_violated(key, failed),))


def _recovered(told: Sequence[RunSeen]) -> str:
    return f"run {told[0].natural_id} completed" if told else ""


def _violated(key: str, failed: Sequence[RunSeen]) -> Verdict:
    last = failed[0]
    times = "" if len(failed) == 1 else f", the {_ordinal(len(failed))} in a row"
    why = last.error_message or last.error_class
    return Verdict(
        Status.VIOLATED,
        key,
        f"run {last.natural_id} failed{times}" + (f": {why.splitlines()[0][:300]}" if why else ""),
        {
            "run": last.natural_id,
            "attempt": last.attempt,
            "inARow": len(failed),
            "errorClass": last.error_class,
            "url": last.url,
        },
        failed[-1].ended_at,
    )


def _ordinal(number: int) -> str:
    teen = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"
