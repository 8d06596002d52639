"""What a digest says: what happened to a team, or by a route, in a period. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from alerting.plan import Digest, Plan
from alerting.rendering import cut, duration
from alerting.routing import who_hears
from hub.model import SEVERITIES, Resolution
from hub.ports import Block, Due, Happening, Link, Message, Period, WhoIsHit, pages

#: Incidents, rules and breaches that are named.
NAMED: Final = 10
LONGEST: Final = 200
#: What is over by itself so soon was not worth a call.
SHORT: Final = timedelta(minutes=5)
#: Of longer ago nothing is told, whoever was away.
LONGEST_PERIOD: Final = timedelta(days=8)


def first_due(one: Digest, now: datetime) -> Due:
    """Of a digest that is new, or asked for otherwise than before."""
    return Due(one.name, one.told.model_dump_json(), one.told.before(now), one.told.after(now))


def next_due(one: Digest, due: Due, now: datetime) -> Due:
    """After it was sent. Whatever was missed while nobody was there is in the one that was sent."""
    until = one.told.before(now)
    return Due(one.name, due.plan, until, one.told.after(now))


def period_of(due: Due, after: Due) -> tuple[datetime, datetime]:
    """From when until when it tells."""
    return max(due.since, after.since - LONGEST_PERIOD), after.since


def digest_of(one: Digest, period: Period, plan: Plan, public_url: str | None) -> Message | None:
    """The message; None if there is nothing to tell and nobody wants to hear that."""
    mine = [each for each in period.happened if is_its(one, each, plan)]
    if not mine and not one.told.empty:
        return None
    opened = [each for each in mine if each.opened_at >= period.since]
    still = [each for each in mine if each.resolved_at is None]
    return Message(
        title=_title(one, period, len(opened), len(still)),
        severity="info",
        kind="digest",
        rule="digest",
        subject=one.team or one.route or one.name,
        team=one.team,
        since=period.since,
        opened_at=period.until,
        links=_links(one, mine, public_url),
        count=max(1, len(mine)),
        blocks=list(_blocks(one, period, mine, opened, still)),
    )


def is_its(one: Digest, each: Happening, plan: Plan) -> bool:
    about = plan.owned(each.about)
    if one.team is not None:
        return about.team == one.team
    return any(heard.route == one.route for heard in who_hears(plan, about).heard)


def _title(one: Digest, period: Period, opened: int, still: int) -> str:
    who = one.team or f"route {one.route}"
    zone = ZoneInfo(one.told.timezone)
    begin, end = period.since.astimezone(zone), period.until.astimezone(zone)
    since = f"{begin:%a %d %b %H:%M} to {end:%a %d %b %H:%M} {end:%Z}"
    if not opened and not still:
        return f"{who}, {since}: nothing was wrong"
    return f"{who}, {since}: {_count(opened, 'incident')} opened, {still:,} still open"


def _blocks(
    one: Digest,
    period: Period,
    mine: Sequence[Happening],
    opened: Sequence[Happening],
    still: Sequence[Happening],
) -> Iterator[Block]:
    """The most important first: what has no room is left out from the end."""
    zone = ZoneInfo(one.told.timezone)
    over = [each for each in mine if each.resolved_at is not None]
    told: list[tuple[str, Sequence[str]]] = [
        ("Still open", _named(_worst(still), lambda each: _open_for(each, period.until))),
        ("Predicted to be late", _breaches(still, period.until, zone)),
        ("Opened", _opened(opened)),
        ("Over", _over(over)),
        ("Noisiest rules", _rules(opened)),
        ("Quality", _quality(period, mine)),
    ]
    if not mine:
        told = [("All is well", ["Nothing opened, and nothing is open."])]
    if period.more:
        told.append(
            ("Not all", ["There was more than could be looked at: all figures are 'at least'."])
        )
    for label, lines in told:
        if lines:
            yield Block(label, lines)


def _worst(found: Iterable[Happening]) -> list[Happening]:
    """The severe before the mild, the old before the new."""
    return sorted(found, key=lambda e: (-SEVERITIES.index(e.about.severity), e.opened_at, e.id))


def _named(found: Sequence[Happening], tell: Callable[[Happening], str]) -> list[str]:
    told = [cut(tell(each), LONGEST) for each in found[:NAMED]]
    left = len(found) - NAMED
    return [*told, f"and {left:,} more"] if left > 0 else told


def _open_for(each: Happening, now: datetime) -> str:
    seen = "" if each.acknowledged else ", nobody has said anything of it"
    since = duration(now - each.opened_at)
    return f"{each.about.severity}: {each.about.subject}: {each.reason} (for {since}{seen})"


def _opened(opened: Sequence[Happening]) -> list[str]:
    """How many, of which severity, and which are the worst."""
    if not opened:
        return []
    by = Counter(each.about.severity for each in opened)
    head = ", ".join(f"{by[name]:,} {name}" for name in reversed(SEVERITIES) if by[name])
    tell = lambda each: f"{each.about.subject}: {each.reason}"  # noqa: E731
    return [head, *_named([each for each in _worst(opened) if each.resolved_at], tell)]


_WORDS: Final = {
    Resolution.HEALED: "healed by themselves",
    Resolution.RETRACTED: "taken back, for the evidence came late",
    Resolution.EXPECTED: "called expected",
    Resolution.NEW_NORMAL: "called the new normal",
}


def _over(over: Sequence[Happening]) -> list[str]:
    by = Counter(each.resolution for each in over)
    return [
        f"{count:,} {_WORDS.get(how, str(how).lower()) if how else 'over'}"
        for how, count in by.most_common()
    ]


def _rules(opened: Sequence[Happening]) -> list[str]:
    by = Counter(each.about.rule for each in opened)
    return [
        f"{rule}: {_count(count, 'incident')}" for rule, count in by.most_common(5) if count > 1
    ]


def _breaches(still: Sequence[Happening], now: datetime, zone: ZoneInfo) -> list[str]:
    ahead = {
        hit.name: hit
        for each in still
        for hit in each.breaches
        if hit.breach_at and hit.breach_at > now
    }
    by_time = sorted(ahead.values(), key=lambda hit: (hit.breach_at or now, hit.name))
    return [_breach(hit, zone) for hit in by_time[:NAMED]]


def _breach(hit: WhoIsHit, zone: ZoneInfo) -> str:
    at = "" if hit.breach_at is None else f" at {hit.breach_at.astimezone(zone):%a %d %b %H:%M %Z}"
    likely = "" if hit.probability is None else f" ({hit.probability:.0%} likely)"
    return f"{hit.name}{at}{likely}"


def _quality(period: Period, mine: Sequence[Happening]) -> list[str]:
    """Of what somebody was told in the period."""
    told = [each for each in mine if each.told and each.opened_at >= period.since]
    if not told:
        return []
    seen = sum(each.acknowledged for each in told)
    short = sum(_was_short(each) for each in told)
    count = _count(len(told), "incident")
    so = f"{seen / len(told):.0%} acknowledged, {short / len(told):.0%} over within 5 minutes"
    return [f"{count} told, {so}"]


def _was_short(each: Happening) -> bool:
    if each.resolved_at is None or each.acknowledged:
        return False
    return each.resolution is Resolution.HEALED and each.resolved_at - each.opened_at <= SHORT


def _links(one: Digest, mine: Sequence[Happening], public_url: str | None) -> list[Link]:
    """The page knows of teams only what incidents themselves say, not what trackside.yaml adds."""
    if public_url is None:
        return []
    team = one.team if all(each.about.team == one.team for each in mine) else None
    return [Link("Open incidents", f"{public_url.rstrip('/')}/{pages.open_incidents(team)}")]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
