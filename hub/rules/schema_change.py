"""Columns of a dataset were removed, or have another type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice, pairwise
from typing import ClassVar, Final

from msgspec import Struct
from pydantic import Field

from hub.model import ChangeKind
from hub.rules.base import (
    Columns,
    DatasetSeen,
    Fact,
    Judgement,
    RuleConfig,
    Status,
    Subject,
    UpdateSeen,
    Verdict,
    kinds,
)

#: Columns that a message names, and that are kept.
_NAMED: Final = 3
_KEPT: Final = 50


class Tolerance(RuleConfig):
    """What may change, and how long a change is told."""

    also_additive: bool = Field(False, description="tell of columns that only came")
    hold_s: float = Field(
        86_400, gt=0, description="seconds after which the new schema counts as the schema"
    )


class _Turn(Struct, frozen=True):
    """One schema after the other, and the first update that had it."""

    before: int
    after: int
    at: datetime

    @property
    def key(self) -> str:
        return f"{self.before}>{self.after}@{self.at.isoformat()}"

    @classmethod
    def of_key(cls, key: str) -> _Turn:
        pair, _, at = key.partition("@")
        before, _, after = pair.partition(">")
        return cls(int(before), int(after), datetime.fromisoformat(at))


class _Difference(Struct, frozen=True):
    """Names of columns; of those with another type both types."""

    removed: Sequence[str]
    retyped: Mapping[str, str]
    added: Sequence[str]

    @property
    def broken(self) -> tuple[str, ...]:
        return (*self.removed, *self.retyped)

    def still(self, now: _Difference) -> _Difference:
        """What of it is so now."""
        return _Difference(
            [name for name in self.removed if name in now.removed],
            {name: now.retyped[name] for name in self.retyped if name in now.retyped},
            [name for name in self.added if name in now.added],
        )


@kinds.register("schema_change")
class SchemaChange:
    """One incident per change from one schema to another, from update to update.

    It is over when what was broken is back, or when it has stayed so for `hold_s`: that is the
    schema then. Schemas that alternate, as where several jobs write one dataset, are no change.
    """

    Config: ClassVar[type[RuleConfig]] = Tolerance
    subject: ClassVar = Subject.DATASET
    absence: ClassVar = False
    needs: ClassVar = frozenset({Fact.UPDATES, Fact.SCHEMAS})
    wakes: ClassVar = frozenset({ChangeKind.DATASET_UPDATED, ChangeKind.SCHEMA_CHANGED})

    def __init__(self, config: Tolerance) -> None:
        self._config = config
        self._hold = timedelta(seconds=config.hold_s)

    def judge(self, dataset: DatasetSeen, as_of: datetime) -> Judgement:
        updates = [one for one in dataset.updates if one.schema_id]
        if not updates:
            return Judgement()
        turns = _turns(updates, dataset.schemas)
        beyond = [_Turn.of_key(key) for key in sorted(dataset.open - {one.key for one in turns})]
        verdicts = [self._verdict(turn, dataset.schemas, updates[0], as_of) for turn in turns]
        verdicts += filter(None, (self._unseen(turn, updates, as_of) for turn in beyond))
        over = {one.key for one in verdicts if one.status is Status.OK}
        due = (turn.at + self._hold for turn in (*turns, *beyond) if turn.key not in over)
        return Judgement(tuple(verdicts), min(due, default=None))

    def _verdict(
        self, turn: _Turn, schemas: Mapping[int, Columns], latest: UpdateSeen, as_of: datetime
    ) -> Verdict:
        before = schemas[turn.before]
        now = _difference(before, schemas[latest.schema_id or 0])
        still = _difference(before, schemas[turn.after]).still(now)
        if not still.broken and not (self._config.also_additive and still.added):
            return Verdict(Status.OK, turn.key, "nothing is missing any more")
        return self._stays(turn, as_of) or _violated(turn, still)

    def _unseen(
        self, turn: _Turn, updates: Sequence[UpdateSeen], as_of: datetime
    ) -> Verdict | None:
        """Of an incident whose update is not among those that are seen; None: it goes on."""
        if updates[0].schema_id == turn.before:
            return Verdict(Status.OK, turn.key, "the schema is again what it was")
        if updates[-1].at > turn.at:
            return self._stays(turn, as_of)
        return Verdict(Status.OK, turn.key, "the schema goes back and forth")

    def _stays(self, turn: _Turn, as_of: datetime) -> Verdict | None:
        if as_of < turn.at + self._hold:
            return None
        return Verdict(Status.OK, turn.key, f"it has stayed so since {_said(turn.at)}")


def _turns(updates: Sequence[UpdateSeen], schemas: Mapping[int, Columns]) -> list[_Turn]:
    """Those that are seen, but from a schema that came back or to one that was there before."""
    found: list[_Turn] = []
    seen: set[int] = set()
    for before, after in pairwise(reversed(updates)):
        old, new = before.schema_id or 0, after.schema_id or 0
        seen.add(old)
        found = [turn for turn in found if turn.before != new]
        if new not in seen and schemas.get(old) and schemas.get(new):
            found.append(_Turn(old, new, after.at))
    return found


def _violated(turn: _Turn, now: _Difference) -> Verdict:
    evidence = {
        "removed": now.removed[:_KEPT],
        "retyped": dict(islice(now.retyped.items(), _KEPT)),
        "added": now.added[:_KEPT],
        "at": turn.at.isoformat(),
    }
    reason = f"the update of {_said(turn.at)} has {_words(now)}"
    return Verdict(Status.VIOLATED, turn.key, reason, evidence, turn.at, columns=now.broken)


def _difference(before: Columns, after: Columns) -> _Difference:
    """Names and types are the same in any case of letters, as databases have them."""
    old, new = ({name.casefold(): name for name in columns} for columns in (before, after))
    both = [(name, before[name], after[new[low]]) for low, name in old.items() if low in new]
    return _Difference(
        [name for low, name in old.items() if low not in new],
        {
            name: f"{was} -> {is_now}"
            for name, was, is_now in both
            if was and is_now and was.casefold() != is_now.casefold()
        },
        [name for low, name in new.items() if low not in old],
    )


def _words(found: _Difference) -> str:
    retyped = [f"{name} ({types})" for name, types in found.retyped.items()]
    parts = []
    for names, one, many in (
        (found.removed, "lost the column", "lost {} columns:"),
        (retyped, "another type of the column", "another type of {} columns:"),
        (found.added, "a new column", "{} new columns:"),
    ):
        if names:
            word = one if len(names) == 1 else many.format(len(names))
            rest = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            parts.append(f"{word} {', '.join(names[:_NAMED])}{rest}")
    return "; ".join(parts)


def _said(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
