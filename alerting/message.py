"""What is said of a notification, in neutral blocks: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from hub.model import SEVERITIES, EntityName
from hub.ports import (
    About,
    Link,
    Member,
    Message,
    Notification,
    RunTold,
    Standing,
    Update,
    WhoIsHit,
    pages,
)
from hub.ports.texts import cut_middle

#: Members of a group that are named, and the longest texts.
NAMED: Final = 10
UPDATES: Final = 20
LONGEST_TITLE: Final = 500
LONGEST_TEXT: Final = 2000

_BARS: Final = "▁▂▃▄▅▆▇█"


def message_of(one: Notification, public_url: str | None) -> Message:
    """The message of one incident, or of a group: its worst member speaks for all."""
    count = sum(one.counts.values())
    lead = one.members[0]
    if one.group is None or count == 1:
        return _of_one(lead, public_url)
    return _of_group(one, lead, count, public_url)


def _of_one(it: Member, public_url: str | None, *, count: int = 1) -> Message:
    return Message(
        title=_cut(f"{it.about.subject}: {it.reason}", LONGEST_TITLE),
        severity=it.about.severity,
        kind=it.about.kind,
        rule=it.about.rule,
        subject=it.about.subject,
        team=it.about.team,
        since=it.since,
        opened_at=it.opened_at,
        resolved_at=it.resolved_at,
        cause=it.cause,
        hit=tuple(it.hit),
        hidden=it.hidden,
        error=_error(it),
        trend=trend_of(it.runs),
        advice=_text(it.evidence.get("whatToDo")),
        updates=_updates(it),
        links=_links(it, public_url),
        count=count,
        evidence={k: v for k, v in it.evidence.items() if v is not None},
    )


def _of_group(one: Notification, lead: Member, count: int, public_url: str | None) -> Message:
    left = count - one.counts.get(Standing.RESOLVED, 0)
    named = one.members[:NAMED]
    updates = tuple(
        Update(each.opened_at, _cut(f"{each.about.subject}: {_so(each)}{each.reason}", 300))
        for each in named
    )
    hit, hidden = _all_hit(named)
    team = _same(each.about.team for each in one.members)
    alone = _of_one(lead, public_url, count=count)
    told = f"{count} incidents" + (f", {left} of them open" if 0 < left < count else "")
    return Message(
        title=_cut(f"{told}{_common(one.members)}; {alone.title}", LONGEST_TITLE),
        severity=max((each.about.severity for each in one.members), key=SEVERITIES.index),
        kind=_same(each.about.kind for each in one.members) or "several",
        rule=_same(each.about.rule for each in one.members) or "several",
        subject=_same(each.about.subject for each in one.members) or f"{count} subjects",
        team=team,
        since=min(each.since for each in one.members),
        opened_at=min(each.opened_at for each in one.members),
        resolved_at=max(ends) if left == 0 and (ends := _ends(one.members)) else None,
        cause=_same(each.cause for each in one.members),
        hit=hit,
        hidden=hidden,
        error=alone.error,
        advice=alone.advice,
        updates=updates,
        links=_group_links(named, team, public_url),
        count=count,
        evidence={"incidents": [each.id for each in named], "open": left},
    )


# -- parts -------------------------------------------------------------------------------------


def trend_of(runs: Sequence[tuple[str, float | None]]) -> str | None:
    """The latest runs, the last at the right: bars by how long they took, ✗ failed, … running."""
    if not runs:
        return None
    longest = max((seconds or 0.0 for _, seconds in runs), default=0.0)
    marks = [_mark(state, seconds, longest) for state, seconds in runs]
    failed = sum(state == "FAILED" for state, _ in runs)
    told = f"{failed} of {len(runs)} failed" if failed else f"the last {len(runs)}"
    return f"{''.join(marks)}  {told}"


def _mark(state: str, seconds: float | None, longest: float) -> str:
    if state == "FAILED":
        return "✗"
    if state == "ABORTED":
        return "-"
    if seconds is None:
        return "…"
    return _BARS[round((len(_BARS) - 1) * seconds / longest)] if longest > 0 else _BARS[0]


def _error(it: Member) -> str | None:
    """The last error's own words: of its run, or as the rule has kept them."""
    kept = (it.evidence.get(name) for name in ("errorMessage", "error", "errorClass"))
    for told in (it.run and it.run.error, *kept):
        if isinstance(told, str) and told:
            return cut_middle(told, LONGEST_TEXT)
    return None


def _updates(it: Member) -> tuple[Update, ...]:
    said = [Update(at, _step(it, name, why), by) for at, name, why, by in it.steps]
    return tuple(said[:1] + said[1:][-(UPDATES - 1) :])


def _step(it: Member, transition: str, reason: str) -> str:
    """What the title says is not said again."""
    word = transition.replace("_", " ")
    return word if reason == it.reason else _cut(f"{word}: {reason}", LONGEST_TEXT)


def _links(it: Member, public_url: str | None) -> tuple[Link, ...]:
    """The incident first; where its orchestrator shows the run stands after the hub's own pages."""
    ours = [("Incident", pages.incident(it.id)), *_run(it.run), *_subject(it.about)]
    return (*_of_hub(ours, public_url), *_elsewhere(it))


def _run(told: RunTold | None) -> list[tuple[str, str]]:
    if told is None:
        return []
    return [("Run and log" if told.has_log else "Run", pages.run(told.id, told.job))]


def _elsewhere(it: Member) -> list[Link]:
    page = (it.run and it.run.url) or it.evidence.get("url")
    if not isinstance(page, str) or not page.startswith(("http://", "https://")):
        return []
    there = (it.run and it.run.orchestrator) or it.about.orchestrator
    return [Link(f"Run in {there}" if there else "Run at its orchestrator", page)]


def _subject(about: About) -> list[tuple[str, str]]:
    """The page of what the incident is of, with what to call it."""
    if about.namespace is not None and about.job is not None:
        return [("Job", pages.job(EntityName(about.namespace, about.job)))]
    if about.namespace is not None and about.dataset is not None:
        return [("Dataset", pages.dataset(EntityName(about.namespace, about.dataset)))]
    if about.target is not None:
        return [("Targets", pages.to("settings"))]
    return [("Orchestrators", pages.to("orchestrators"))] if about.orchestrator else []


def _group_links(
    named: Sequence[Member], team: str | None, public_url: str | None
) -> tuple[Link, ...]:
    each = [(one.about.name, pages.incident(one.id)) for one in named]
    return _of_hub([("Incidents", pages.open_incidents(team)), *each], public_url)


def _of_hub(told: Iterable[tuple[str, str]], public_url: str | None) -> tuple[Link, ...]:
    """Links to pages of the hub; none where it does not know how people reach it."""
    if public_url is None:
        return ()
    base = public_url.rstrip("/")
    return tuple(Link(text, f"{base}/{page}") for text, page in told)


def _all_hit(members: Iterable[Member]) -> tuple[tuple[WhoIsHit, ...], int]:
    """Each once, by its name."""
    by_name: dict[str, WhoIsHit] = {}
    hidden = 0
    for each in members:
        hidden = max(hidden, each.hidden)
        for one in each.hit:
            by_name.setdefault(one.name, one)
    return tuple(by_name.values())[:NAMED], hidden + max(0, len(by_name) - NAMED)


def _common(members: Sequence[Member]) -> str:
    rules = Counter(each.about.rule for each in members)
    team = _same(each.about.team for each in members)
    told = ", ".join(name for name, _ in rules.most_common(3))
    return f" ({told}{f', team {team}' if team else ''})"


def _same(values: Iterable[str | None]) -> str | None:
    found = set(values)
    return found.pop() if len(found) == 1 else None


def _ends(members: Sequence[Member]) -> list[datetime]:
    return [each.resolved_at for each in members if each.resolved_at is not None]


def _so(it: Member) -> str:
    return "over: " if it.standing is Standing.RESOLVED else ""


def _text(value: object) -> str | None:
    return _cut(value, LONGEST_TEXT) if isinstance(value, str) and value else None


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
