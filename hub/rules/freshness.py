"""A dataset is older than it may get."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar

from pydantic import Field

from hub.model import ChangeKind
from hub.rules.base import (
    DatasetSeen,
    Fact,
    Judgement,
    RuleConfig,
    Status,
    Subject,
    Verdict,
    healed,
    kinds,
    spoken,
)


class Age(RuleConfig):
    """How old a dataset may get."""

    max_lag_s: float | None = Field(
        None, gt=0, description="seconds; what somebody declared for the dataset if not told"
    )


@kinds.register("freshness")
class Freshness:
    """One incident from the breach until the dataset is updated; none where nothing is declared."""

    Config: ClassVar[type[RuleConfig]] = Age
    subject: ClassVar = Subject.DATASET
    absence: ClassVar = True
    needs: ClassVar = frozenset[Fact]()
    wakes: ClassVar = frozenset({ChangeKind.DATASET_UPDATED, ChangeKind.FRESHNESS_POLICY_CHANGED})

    def __init__(self, config: Age) -> None:
        self._max_lag_s = config.max_lag_s

    def judge(self, dataset: DatasetSeen, as_of: datetime) -> Judgement:
        allowed_s = self._max_lag_s or dataset.max_lag_s
        # What was never updated is as old as our knowledge of it.
        at = dataset.last_update_at or dataset.known_at
        if allowed_s is None or at is None:
            return Judgement(healed(dataset.open, "nobody asks for a freshness any more"))
        stale_at = at + timedelta(seconds=allowed_s)
        if as_of < stale_at:
            return Judgement(healed(dataset.open, f"updated at {at:%Y-%m-%d %H:%M} UTC"), stale_at)
        key = min(dataset.open, default=at.isoformat())
        evidence = {
            "lastUpdateAt": None if dataset.last_update_at is None else at.isoformat(),
            "maxLagS": allowed_s,
        }
        word = "was last updated" if dataset.last_update_at else "was never updated; known since"
        reason = f"{word} {at:%Y-%m-%d %H:%M} UTC, which is more than {spoken(allowed_s)} ago"
        return Judgement((Verdict(Status.VIOLATED, key, reason, evidence, stale_at),))
