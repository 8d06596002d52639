"""When nothing is told of what did not happen: maintenance windows, days that a rule leaves out.

A verdict about a slot or deadline that was due within such a time is UNKNOWN for good. One about
what still is so is UNKNOWN until that time ends, and judged then. Verdicts that end an incident, or
speak of one that is open, go through as ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from hub.evaluate.maintenance import Maintenance, Within
from hub.rules.base import Judgement, Status, Verdict
from hub.schedules.days import Choice
from hub.schedules.windows import OffDays


class Cover(Protocol):
    """A time that comes once or again and again."""

    def covers(self, at: datetime, /) -> bool: ...

    def next_edge(self, at: datetime, /) -> datetime | None: ...


class Quiet(Struct, frozen=True):
    """A time in which a rule opens no incident of a subject. `window`: the name of a window."""

    cover: Cover
    words: str
    window: str | None = None


def quiets(windows: Iterable[Maintenance], subject: Within, days: Choice | None) -> Sequence[Quiet]:
    """Those of one rule on one subject."""
    found = [
        Quiet(one, f"the maintenance window {one.given.name}", one.given.name)
        for one in windows
        if one.given.select.takes(subject)
    ]
    if days is not None:
        found.append(Quiet(OffDays(days), f"a day that the rule leaves out ({days.words})"))
    return found


def hushed(
    judgement: Judgement,
    open_now: frozenset[str],
    times: Sequence[Quiet],
    as_of: datetime,
    *,
    absence: bool,
) -> Judgement:
    """The judgement as it counts. What is to be judged when the time ends is awaited then.

    `absence`: the rule speaks of what did not happen; other verdicts are marked in a window.
    """
    if not times:
        return judgement
    now, change = _first(times, as_of), _not_happened if absence else _happened
    told: list[Verdict] = []
    waiting: list[Verdict] = []
    for verdict in judgement.verdicts:
        opens = verdict.status is Status.VIOLATED and verdict.key not in open_now
        as_it_counts, waits = change(verdict, times, now) if opens else (verdict, False)
        told.append(as_it_counts)
        waiting += [verdict] if waits else []
    ends = [one.cover.next_edge(as_of) for one in times if waiting and one.cover.covers(as_of)]
    return replace(
        judgement,
        verdicts=tuple(told),
        due_at=_earliest(judgement.due_at, *ends),
        awaits=_earliest(judgement.awaits, *(verdict.due_at for verdict in waiting)),
        # What is missing in such a time says nothing of its orchestrator.
        held=judgement.held and now is None and _first(times, judgement.awaits) is None,
    )


def _earliest(*times: datetime | None) -> datetime | None:
    return min((at for at in times if at is not None), default=None)


def _not_happened(
    verdict: Verdict, times: Sequence[Quiet], now: Quiet | None
) -> tuple[Verdict, bool]:
    """The verdict as it counts, and whether it is to be judged again."""
    then = _first(times, verdict.due_at)
    if then is not None:
        return _unknown(verdict, f"due within {then.words}"), False
    if now is not None:
        return _unknown(verdict, f"within {now.words}"), True
    return verdict, False


def _happened(verdict: Verdict, times: Sequence[Quiet], now: Quiet | None) -> tuple[Verdict, bool]:
    """What did happen opens its incident all the same, but on a day that the rule leaves out."""
    if now is not None and now.window is None:
        return _unknown(verdict, f"within {now.words}"), True
    window = _first(times, verdict.since) or now
    if window is None or window.window is None:
        return verdict, False
    return replace(verdict, evidence={**verdict.evidence, "window": window.window}), False


def _first(times: Sequence[Quiet], at: datetime | None) -> Quiet | None:
    """Days that are left out go before windows: they hold everything back."""
    found = [one for one in times if at is not None and one.cover.covers(at)]
    return min(found, key=lambda one: one.window is not None, default=None)


def _unknown(verdict: Verdict, why: str) -> Verdict:
    return replace(verdict, status=Status.UNKNOWN, reason=f"{verdict.reason}; {why}")
