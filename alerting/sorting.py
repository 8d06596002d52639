"""What an incident that was looked at has to do with notifications: pure.

The whole of it is decided anew at each look, by how things stand: which of them it enters, how it
stands in those it is part of, and when to look again. Whoever looks twice finds the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from alerting.mute import Muted, muted
from alerting.plan import Plan
from alerting.routing import Heard, crowd_of, who_hears
from hub.model import IncidentState, Transition
from hub.ports import (
    Case,
    Cases,
    Decision,
    Fresh,
    Look,
    Membership,
    NotificationState,
    Part,
    Sorted,
    Standing,
)

#: Openings after which people are called again, and not only shown what changed.
LOUD: Final = frozenset({Transition.REOPENED, Transition.ESCALATED, Transition.WOKEN})
#: What people have said is shown also of what is muted.
BY_PEOPLE: Final = frozenset({Transition.SNOOZED, Transition.ACKNOWLEDGED, Transition.NOTED})
#: How far back the notifications of a route are counted (`crowd`).
CROWD_WITHIN: Final = timedelta(minutes=5)

_STANDING: Final = {
    IncidentState.OPEN: Standing.OPEN,
    IncidentState.ACKNOWLEDGED: Standing.ACKNOWLEDGED,
    IncidentState.SNOOZED: Standing.ACKNOWLEDGED,
    IncidentState.RESOLVED: Standing.RESOLVED,
}


class Sorter:
    """Sorts the cases of one round."""

    def __init__(self, plan: Plan, seen: Cases, now: datetime) -> None:
        self._plan = plan
        self._seen = seen
        self._silences = [*seen.silences, *plan.silences]
        self._now = now
        self._groups = dict(seen.groups)
        self._begun = Counter(seen.begun)
        self._told: set[int] = set()  # incidents that are told since this round
        self.found = Sorted(
            cursor=seen.cursor,
            looks=[],
            fresh=[],
            parts=[],
            touched={},
            revived=[],
            hidden=[],
            decisions=[],
        )

    def sort(self) -> Sorted:
        """Causes come first, so that what they cause knows of them."""
        for case in sorted(self._seen.cases, key=lambda one: (one.parent is not None, one.id)):
            told = case.parent in self._told or (
                case.parent_told and case.parent not in self.found.hidden
            )
            self._one(replace(case, parent_told=told, about=self._plan.owned(case.about)))
        return self.found

    def _one(self, case: Case) -> None:
        if not case.is_open:
            self._over(case)
            return
        mute = muted(case, self._silences, self._now)
        self._look_again(case, mute)
        if mute is not None:
            self._mute(case, mute)
        else:
            self._tell(case)

    # -- over, muted, told ---------------------------------------------------------------------

    def _over(self, case: Case) -> None:
        self._look_again(case, None)
        for part in _live(case.memberships):
            self._stand(case, part, Standing.RESOLVED)
        if not _live(case.memberships) and Transition.OPENED in case.steps:
            self._decide(case, "over", "it was over before it was told")

    def _mute(self, case: Case, mute: Muted) -> None:
        """What nobody was told stays so; for what was told, nobody is called."""
        for part in _live(case.memberships):
            if part.state is NotificationState.WAITING:
                self.found.parts.append(Part(case.id, part.notification, None))
                self.found.hidden.append(case.id)
                self._touch(part.notification)
            elif part.standing is Standing.OPEN or not BY_PEOPLE.isdisjoint(case.steps):
                self._stand(case, part, Standing.ACKNOWLEDGED)
        self._decide(case, "muted", mute.why)

    def _tell(self, case: Case) -> None:
        standing = _STANDING[case.state]
        loud = standing is Standing.OPEN and not LOUD.isdisjoint(case.steps)
        live = _live(case.memberships)
        for part in live:
            if case.steps or part.standing is not standing:
                woken = part.standing is not Standing.OPEN and standing is Standing.OPEN
                self._stand(case, part, standing, loud=loud or woken)
        told = {name for part in live for name in part.targets}
        trace = who_hears(self._plan, case.about)
        for heard in trace.heard:
            self._enter(case, heard, told, standing)
        if live or trace.heard:
            self._told.add(case.id)
        else:
            self._decide(case, "nobody", trace.lines[-1].strip() if trace.lines else "no targets")

    def _enter(self, case: Case, heard: Heard, told: set[str], standing: Standing) -> None:
        """Into the notification of a route, for those who don't hear of it already."""
        missing = tuple(name for name in heard.targets if name not in told)
        if not missing:
            return
        before = _earlier(case.memberships, heard.route, missing)
        if heard.group is None and before is not None:
            self.found.revived.append(before.notification)
            self._stand(case, before, standing, loud=True)
            return
        if standing is Standing.OPEN:
            number = self._notification(case, heard, missing)
            self.found.parts.append(Part(case.id, number, standing))
            self._touch(number)

    def _notification(self, case: Case, heard: Heard, targets: tuple[str, ...]) -> int:
        """The one to enter; made if it is not there."""
        group = heard.group
        if targets != heard.targets:  # some of them hear of it by another notification
            group = None
        held = self._groups.get(group) if group is not None else None
        if held is None and self._is_crowded(heard):
            group = crowd_of(heard)
            held = self._groups.get(group)
        if held is not None:
            self._decide(case, "grouped", f"told together with others by route {heard.route}")
            return held
        return self._make(heard, targets, group)

    def _make(self, heard: Heard, targets: tuple[str, ...], group: str | None) -> int:
        number = -1 - len(self.found.fresh)
        due_at = self._now + timedelta(seconds=heard.terms.group_wait_s)
        self.found.fresh.append(Fresh(number, heard.route, targets, group, due_at))
        self._begun[heard.route] += 1
        if group is not None:
            self._groups[group] = number
        return number

    def _is_crowded(self, heard: Heard) -> bool:
        most = heard.terms.crowd
        return most > 0 and self._begun[heard.route] >= most

    # -- what is noted -------------------------------------------------------------------------

    def _stand(
        self, case: Case, part: Membership, standing: Standing, *, loud: bool = False
    ) -> None:
        self.found.parts.append(Part(case.id, part.notification, standing))
        self._touch(part.notification, loud=loud)

    def _touch(self, notification: int, *, loud: bool = False) -> None:
        self.found.touched[notification] = self.found.touched.get(notification, False) or loud

    def _decide(self, case: Case, what: str, why: str) -> None:
        self.found.decisions.append(Decision(incident=case.id, what=what, reason=why))

    def _look_again(self, case: Case, mute: Muted | None) -> None:
        self.found.looks.append(Look(case.id, None if mute is None else mute.until))


def _live(parts: Iterable[Membership]) -> Sequence[Membership]:
    return [part for part in parts if part.state is not NotificationState.OVER]


def _earlier(
    parts: Iterable[Membership], route: str, targets: tuple[str, ...]
) -> Membership | None:
    """The notification by which the same targets heard of it alone, which is over."""
    over: Iterator[Membership] = (
        part
        for part in parts
        if part.single
        and part.state is NotificationState.OVER
        and part.route == route
        and part.targets == targets
    )
    return max(over, key=lambda part: part.notification, default=None)
