"""A job's latest run failed, for good: what is retried by its orchestrator has not failed yet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import takewhile
from typing import ClassVar, Final, Self

from pydantic import Field, model_validator

from hub.failures import WHAT_TO_DO, classify
from hub.model import FINISHED_STATES, ChangeKind, Evidence, RunState
from hub.ports.texts import cut_middle
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

#: Characters of what a run said when it failed that an incident keeps.
LONGEST_ERROR: Final = 2000


class Failures(RuleConfig):
    """When a failure is told."""

    in_a_row: int = Field(1, ge=1, le=20, description="runs that fail one after the other")
    of_last: int | None = Field(
        None,
        ge=2,
        le=20,
        description="if told, `in_a_row` of so many latest runs, in whichever order",
    )

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.of_last is not None and self.of_last < self.in_a_row:
            raise ValueError("of_last must be at least in_a_row")
        return self


@kinds.register("failed_run")
class FailedRun:
    """One incident from the first failure until a run completes."""

    Config: ClassVar[type[RuleConfig]] = Failures
    subject: ClassVar = Subject.JOB
    absence: ClassVar = False
    needs: ClassVar = frozenset({Fact.RUNS})
    wakes: ClassVar = frozenset({ChangeKind.RUN_FAILED, ChangeKind.RUN_COMPLETED})

    def __init__(self, config: Failures) -> None:
        self._in_a_row, self._of_last = config.in_a_row, config.of_last

    def judge(self, job: JobSeen, as_of: datetime) -> Judgement:  # noqa: ARG002  not about absence
        ended = [run for run in job.runs if run.state in FINISHED_STATES]
        # A run that was stopped says nothing about whether the job works.
        told = [run for run in ended if run.state is not RunState.ABORTED]
        failed = self._failed(told)
        lasts = bool(job.open and failed) and self._of_last is None
        if lasts or len(failed) >= self._in_a_row:
            return Judgement((self._violated(job, failed, len(told)),))
        return Judgement(healed(job.open, self._recovered(told[0], len(failed))) if told else ())

    def _failed(self, told: Sequence[RunSeen]) -> list[RunSeen]:
        """The failures that count, the latest first."""
        if self._of_last is None:
            return list(takewhile(_has_failed, told))
        return [run for run in told[: self._of_last] if _has_failed(run)]

    def _recovered(self, last: RunSeen, failed: int) -> str:
        if self._of_last is None or not failed:
            return f"run {last.natural_id} completed"
        return f"only {failed} of the last {self._of_last} runs failed"

    def _violated(self, job: JobSeen, failed: Sequence[RunSeen], told: int) -> Verdict:
        last, why = failed[0], failed[0].error_message or failed[0].error_class
        sort = classify(last.error_class, last.error_message)
        evidence: Evidence = {
            "run": last.natural_id,
            "attempt": last.attempt,
            "errorClass": last.error_class,
            "errorMessage": last.error_message and cut_middle(last.error_message, LONGEST_ERROR),
            "failureClass": sort,
            "whatToDo": WHAT_TO_DO[sort],
            "url": last.url,
        }
        if self._of_last is None:
            evidence["inARow"] = len(failed)
            times = "" if len(failed) == 1 else f", the {_ordinal(len(failed))} in a row"
        else:
            seen = min(self._of_last, told)
            evidence |= {"failed": len(failed), "ofLast": seen}
            times = f", as {len(failed)} of the last {seen} did"
        reason = f"run {last.natural_id} failed{times}"
        if why:
            reason += f": {_gist(why)[:300]}"
        key = min(job.open, default=str(failed[-1].id))
        return Verdict(Status.VIOLATED, key, reason, evidence, failed[-1].ended_at)


def _has_failed(run: RunSeen) -> bool:
    return run.state is RunState.FAILED


def _gist(said: str) -> str:
    """The line that says most: of a traceback the last one, else the first."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if not lines:
        return said.strip()
    return lines[-1] if lines[0].startswith("Traceback") else lines[0]


def _ordinal(number: int) -> str:
    teen = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"
