"""What people have said of incidents, and how far rules agree with them.

Ids and keys of incidents differ from store to store: two are the same if they are of one kind, on one
subject, and their times meet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeVar

from msgspec import Struct

from hub.model import CALLED_SO, EntityName, Resolution
from hub.store.history import Told

#: How a person, or late evidence, says that nothing was wrong.
NOT_REAL: Final = CALLED_SO | {Resolution.RETRACTED}
#: How far apart the same incident may begin in two replays.
SLACK: Final = timedelta(minutes=15)

T = TypeVar("T", Told, "Label")
Place = tuple[str, str, EntityName]  # kind, sort, subject


class Label(Struct, frozen=True):
    """A period in which something was wrong (`real`), or in which it looked so. until None: it lasts."""

    kind: str
    sort: str
    subject: EntityName
    since: datetime
    until: datetime | None
    real: bool


class Agreement(Struct, frozen=True, rename="camel"):
    """labelled: incidents that have a label; precision: those of them that were real, as a share.

    real: labels of what was really wrong; recall: those of them that were told, as a share.
    """

    labelled: int
    precision: float | None
    real: int
    recall: float | None


def labels_of(told: Iterable[Told]) -> list[Label]:
    """Acknowledged: real. Expected, the new normal, or retracted: not. The others have no label."""
    return [
        Label(one.kind, one.sort, one.subject, one.since, one.resolved_at, not wrong)
        for one in told
        if (wrong := one.resolution in NOT_REAL) or one.acknowledged
    ]


def said_of(told: Sequence[Told], labels: Sequence[Label]) -> list[bool | None]:
    """Whether each incident was real, by the labels; None: it has none."""
    by_place = _placed(labels)
    found: list[bool | None] = []
    for one in told:
        near = [label.real for label in by_place[_place(one)] if _meet(one, label)]
        found.append(any(near) if near else None)
    return found


def agreement(told: Sequence[Told], labels: Sequence[Label]) -> Agreement:
    """Precision over the incidents that have a label, recall over the labels of what was real."""
    verdicts = [real for real in said_of(told, labels) if real is not None]
    mine = _placed(told)
    found = [
        any(_meet(one, label) for one in mine[_place(label)]) for label in labels if label.real
    ]
    return Agreement(len(verdicts), _share(verdicts), len(found), _share(found))


class Difference(Struct, frozen=True):
    """Incidents of two rule books over the same history: (current, other) where both told."""

    both: list[tuple[Told, Told]]
    only_current: list[Told]
    only_other: list[Told]


def difference(current: Sequence[Told], other: Sequence[Told]) -> Difference:
    """Each incident has at most one partner: the one that began nearest."""
    free = _placed(other)
    both, only = [], []
    for one in current:
        near = [it for it in free[_place(one)] if _meet(one, it)]
        if not near:
            only.append(one)
            continue
        partner = min(near, key=lambda it: abs(it.since - one.since))
        free[_place(one)].remove(partner)
        both.append((one, partner))
    left = [it for it in other if any(it is kept for kept in free[_place(it)])]
    return Difference(both, only, left)


def _placed(rows: Iterable[T]) -> dict[Place, list[T]]:
    found: dict[Place, list[T]] = defaultdict(list)
    for row in rows:
        found[_place(row)].append(row)
    return found


def _place(one: Told | Label) -> Place:
    return one.kind, one.sort, one.subject


def _meet(one: Told | Label, other: Told | Label) -> bool:
    return one.since <= _end(other) + SLACK and other.since <= _end(one) + SLACK


def _end(one: Told | Label) -> datetime:
    end = one.until if isinstance(one, Label) else one.resolved_at
    return _FOREVER if end is None else end


_FOREVER: Final = datetime.fromisoformat("9000-01-01T00:00:00+00:00")


def _share(verdicts: Sequence[bool]) -> float | None:
    return sum(verdicts) / len(verdicts) if verdicts else None
