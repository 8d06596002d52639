"""An orchestrator as a whole can't be heard: one incident instead of one for each of its jobs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import ClassVar, Final, NamedTuple

from pydantic import Field

from hub.model import ChangeKind, Evidence, HealthStatus
from hub.rules.base import (
    Fact,
    Judgement,
    OrchestratorSeen,
    RuleConfig,
    Status,
    Subject,
    Verdict,
    healed,
    kinds,
)

#: How often it is looked at a part that stays down.
STILL: Final = timedelta(minutes=5)


class Patience(RuleConfig):
    """For how long an orchestrator may be away."""

    silence_s: float = Field(900, gt=0, description="seconds without a complete answer to a poll")
    down_s: float = Field(120, ge=0, description="seconds a part of it may say that it is down")


class Trouble(NamedTuple):
    since: datetime
    reason: str
    evidence: Evidence


@kinds.register("orchestrator_silent")
class OrchestratorSilent:
    """One incident per outage, by the strongest evidence there is.

    What is asked must answer; a part that says it is down is; and of what only pushes at least three
    and more than half of the jobs that were due must be missing together (DESIGN D6).
    """

    Config: ClassVar[type[RuleConfig]] = Patience
    subject: ClassVar = Subject.ORCHESTRATOR
    absence: ClassVar = True
    needs: ClassVar = frozenset({Fact.ROLL_CALL})
    wakes: ClassVar = frozenset[ChangeKind]()

    def __init__(self, config: Patience) -> None:
        self._silence = timedelta(seconds=config.silence_s)
        self._down = timedelta(seconds=config.down_s)

    def judge(self, seen: OrchestratorSeen, as_of: datetime) -> Judgement:
        down = any(part.status is HealthStatus.DOWN for part in seen.parts)
        down_since = (seen.awaits or as_of) if down else None
        troubles = [*self._unanswered(seen, as_of), *_missing(seen)]
        if down_since is not None and as_of - down_since >= self._down:
            troubles.append(_down(seen, down_since))
        verdicts: tuple[Verdict, ...] = ()
        if troubles:
            verdicts = (_violated(seen, troubles[0]),)
        elif not seen.roll_call.missing and _sign_of_life(seen):
            verdicts = healed(seen.open, "it is heard again")
        return Judgement(verdicts, self._again(down_since, as_of), down_since)

    def _again(self, down_since: datetime | None, as_of: datetime) -> datetime | None:
        if down_since is None:
            return None
        told_at = down_since + self._down
        return told_at if as_of < told_at else as_of + STILL

    def _unanswered(self, seen: OrchestratorSeen, as_of: datetime) -> Iterator[Trouble]:
        if not seen.asked or seen.complete_to is None:
            return
        asked_since = max(seen.complete_to, seen.deaf_until or seen.complete_to)
        if as_of - asked_since > self._silence:
            why = f": {seen.error}" if seen.error else ""
            reason = f"gave no complete answer since {_said(seen.complete_to)}{why}"
            evidence = {
                "completeTo": seen.complete_to.isoformat(),
                "failures": seen.failures,
                "error": seen.error or None,
            }
            yield Trouble(seen.complete_to, reason, evidence)


def _missing(seen: OrchestratorSeen) -> Iterator[Trouble]:
    call, last = seen.roll_call, seen.last_event_at
    if not call.together or call.since is None:
        return
    silent = last is not None and last < call.since
    heard = f"; nothing was heard of it since {_said(last)}" if last and silent else ""
    yield Trouble(
        last if last is not None and silent else call.since,
        f"most of its jobs that were due are missing{heard}",
        {
            "missing": call.missing,
            "met": call.met,
            "lastEventAt": None if last is None else last.isoformat(),
        },
    )


def _down(seen: OrchestratorSeen, since: datetime) -> Trouble:
    parts = [part for part in seen.parts if part.status is HealthStatus.DOWN]
    names = ", ".join(part.name or "the whole" for part in parts)
    details = "; ".join(part.detail for part in parts if part.detail)
    reason = f"says that it is down: {names}" + (f" ({details})" if details else "")
    return Trouble(since, reason, {"parts": [part.name for part in parts]})


def _violated(seen: OrchestratorSeen, trouble: Trouble) -> Verdict:
    key = min(seen.open, default=trouble.since.isoformat())
    return Verdict(Status.VIOLATED, key, trouble.reason, trouble.evidence, trouble.since)


def _sign_of_life(seen: OrchestratorSeen) -> bool:
    """Whether it was heard since its incident began."""
    begun = min(map(datetime.fromisoformat, seen.open), default=None)
    heard = max(filter(None, (seen.last_event_at, seen.complete_to)), default=None)
    return begun is None or (heard is not None and heard > begun)


def _said(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
