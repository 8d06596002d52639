"""An update wrote far fewer or far more rows (or bytes) than is usual."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from hub.baselines.baseline import Normality
from hub.baselines.growth import Growing
from hub.model import ChangeKind, Evidence
from hub.rules.base import (
    DatasetSeen,
    Fact,
    Judgement,
    RuleConfig,
    Status,
    Subject,
    UpdateSeen,
    Verdict,
    healed,
    kinds,
)

_WORDS = {"rows": "{:,.0f} rows", "bytes": "{:,.0f} bytes"}


class Amount(RuleConfig):
    """How much an update may write."""

    metric: Literal["rows", "bytes"] | None = Field(
        None, description="rows where they are told, else bytes, if not told"
    )
    at_least: float | None = Field(None, ge=0, description="fewer are too few")
    at_most: float | None = Field(None, ge=0, description="more are too many")

    @model_validator(mode="after")
    def _checked(self) -> Amount:
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("at_least is more than at_most: no update could be right")
        return self


@kinds.register("volume")
class Volume:
    """One incident from the first update that is out of bounds until the next one within.

    Without bounds of its own it goes by the dataset's history, from eight updates on; what grows
    steadily may grow on. No rows where there were always some is always told.
    """

    Config: ClassVar[type[RuleConfig]] = Amount
    subject: ClassVar = Subject.DATASET
    absence: ClassVar = False
    needs: ClassVar = frozenset({Fact.UPDATES, Fact.VOLUMES})
    wakes: ClassVar = frozenset({ChangeKind.DATASET_UPDATED})

    def __init__(self, config: Amount) -> None:
        self._config = config
        self._fixed = config.at_least is not None or config.at_most is not None

    def judge(self, dataset: DatasetSeen, as_of: datetime) -> Judgement:  # noqa: ARG002
        for update in dataset.updates:
            for metric in (self._config.metric,) if self._config.metric else ("rows", "bytes"):
                value: int | None = getattr(update, metric)
                if value is not None:
                    return Judgement(self._verdicts(dataset, update, metric, value))
        return Judgement()

    def _verdicts(
        self, dataset: DatasetSeen, update: UpdateSeen, metric: str, value: int
    ) -> tuple[Verdict, ...]:
        found = self._found(dataset.volumes.get(metric), update, value)
        if found is None:
            return ()
        word, evidence = found
        said = _WORDS[metric].format(value)
        if not word:
            return healed(dataset.open, f"the update of {_at(update)} wrote {said}")
        key = min(dataset.open, default=str(update.id))
        reason = f"the update of {_at(update)} wrote {said}, {word}"
        told = {
            "metric": metric,
            metric: value,
            "partition": update.partition or None,
            "at": update.at.isoformat(),
            **evidence,
        }
        return (Verdict(Status.VIOLATED, key, reason, told, update.at),)

    def _found(
        self, usual: Growing | None, update: UpdateSeen, value: int
    ) -> tuple[str, Evidence] | None:
        """What is wrong, "" for nothing; None: that can't be told."""
        if self._fixed:
            return self._by_bounds(value)
        return None if usual is None else _by_history(usual, update, value)

    def _by_bounds(self, value: int) -> tuple[str, Evidence]:
        low, high = self._config.at_least, self._config.at_most
        evidence = {"low": low, "high": high}
        if low is not None and value < low:
            return f"fewer than {low:,.0f}", evidence
        if high is not None and value > high:
            return f"more than {high:,.0f}", evidence
        return "", evidence


def _by_history(usual: Growing, update: UpdateSeen, value: int) -> tuple[str, Evidence] | None:
    found = usual.judge(value, update.at)
    evidence = {
        "expected": round(found.expected),
        "low": round(max(found.low, 0)),
        "high": round(found.high),
        "samples": found.samples,
        "z": round(found.score, 1),
        "season": found.bucket,
    }
    between = f"{found.expected:,.0f} are usual ({max(found.low, 0):,.0f} to {found.high:,.0f})"
    if value == 0 and usual.always_some:
        return f"where there were always some; {between}", evidence
    if not found.ready:
        return None
    if found.verdict is Normality.LOW and usual.lower_than_ever(found):
        return f"far too few; {between}", evidence
    if found.verdict is Normality.VERY_HIGH:
        return f"far too many; {between}", evidence
    return "", evidence


def _at(update: UpdateSeen) -> str:
    where = f" of partition {update.partition}" if update.partition else ""
    return f"{update.at:%Y-%m-%d %H:%M} UTC{where}"
