"""Makes the plan of what was declared, and tells all that is wrong with it.

targets:
- {name: sales-chat, kind: slack, team: sales, settings: {token: env:SLACK, channel: C0123456789}}
routes:
- match: {team: sales, severity: critical}
  to: [sales-pager, sales-chat]
teams:
- {name: sales, targets: [sales-chat]}
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any

from pydantic import ValidationError

from alerting.declared import DeclaredDigest, DeclaredSilence, DeclaredTarget, Route
from alerting.plan import USUAL, Digest, Node, Ownership, Plan, Target, Terms, nodes_of
from alerting.quiet import DeclaredHours, Open
from hub.errors import ConfigError, mistake_at
from hub.ports import Silence, notifiers

Place = Callable[..., str]
#: Whether a day is one of a calendar's, by the name of that.
Calendars = Mapping[str, Callable[[date], bool]]


def plan_of(
    targets: Sequence[Mapping[str, Any]],
    routes: Sequence[Mapping[str, Any]],
    silences: Sequence[Mapping[str, Any]],
    teams: Mapping[str, Sequence[str]],
    place: Place,
    ownership: Sequence[Ownership] = (),
    digests: Mapping[str, Mapping[str, Any]] | None = None,
    calendars: Calendars | None = None,
) -> Plan:
    """The plan; raises ConfigError, which tells all that is wrong and where.

    teams: the targets of each. calendars: those that hours may name. digests: of each team that wants one. place: where a setting
    stands, from its path.
    """
    problems: list[str] = []
    held = _targets(targets, problems, place)
    told = [read(Route, one, problems, place, "routes", i) for i, one in enumerate(routes)]
    days = calendars or {}
    tree = [_node(one, str(i), None, USUAL, days) for i, one in enumerate(told) if one is not None]
    problems += _uncalled(filter(None, told), days, place)
    still = [
        _silence(one)
        for index, given in enumerate(silences)
        if (one := read(DeclaredSilence, given, problems, place, "silences", index)) is not None
    ]
    problems += _unknown(routes, teams, {str(one.get("name")) for one in targets}, place)
    problems += _twice(nodes_of(tree))
    named = {name: tuple(told) for name, told in teams.items()}
    wanted = list(_digests(told, tree, digests or {}, named, held, problems, place))
    if problems:
        raise ConfigError("\n".join(problems))
    return Plan(held, tuple(tree), named, tuple(still), tuple(ownership), tuple(wanted))


def _digests(
    routes: Sequence[Route | None],
    tree: Sequence[Node],
    teams: Mapping[str, Mapping[str, Any]],
    named: Mapping[str, tuple[str, ...]],
    held: Mapping[str, Target],
    problems: list[str],
    place: Place,
) -> Iterator[Digest]:
    """Those of teams, then those of routes."""
    nodes = iter(tree)
    for one in filter(None, routes):
        node = next(nodes)
        if one.digest is not None:
            names = _showing(one.digest, node.to or (), held, problems, place("routes"), node.name)
            yield Digest(f"route {node.name}", names, one.digest, route=node.name)
        problems += [
            f"{place('routes')}: route {inner.name or node.name!r} is within another: only routes "
            "at the top may have a digest"
            for inner in _with_digest(one.routes)
        ]
    for team, given in teams.items():
        digest = read(DeclaredDigest, given, problems, place, "teams", team, "digest")
        if digest is not None:
            at = place("teams")
            names = _showing(digest, named.get(team, ()), held, problems, at, team)
            yield Digest(f"team {team}", names, digest, team=team)


def _with_digest(routes: Iterable[Route]) -> Iterator[Route]:
    for one in routes:
        if one.digest is not None:
            yield one
        yield from _with_digest(one.routes)


def _showing(
    digest: DeclaredDigest,
    usual: Sequence[str],
    held: Mapping[str, Target],
    problems: list[str],
    at: str,
    whose: str,
) -> tuple[str, ...]:
    """The targets that can show a digest: a pager would call somebody for it."""
    asked = usual if digest.to is None else digest.to
    for name in digest.to or ():
        if name not in held:
            known = ", ".join(held) or "none"
            problems.append(
                f"{at}: the digest of {whose}: there is no target {name!r}; declared: {known}"
            )
        elif not held[name].shows_digests:
            problems.append(
                f"{at}: the digest of {whose}: {name!r} ({held[name].declared.kind}) can show "
                "incidents only; name a chat, a mail or a webhook"
            )
    found = tuple(name for name in asked if name in held and held[name].shows_digests)
    if not found and not problems:
        problems.append(f"{at}: the digest of {whose} has no target that can show it; tell `to`")
    return found


def _targets(
    given: Sequence[Mapping[str, Any]], problems: list[str], place: Place
) -> dict[str, Target]:
    found: dict[str, Target] = {}
    for index, one in enumerate(given):
        declared = read(DeclaredTarget, one, problems, place, "targets", index)
        if declared is None:
            continue
        if declared.name in found:
            problems.append(
                f"{place('targets', index, 'name')}: the target {declared.name!r} stands more "
                "than once"
            )
        made = _target(declared, problems, partial(place, "targets", index))
        if made is not None:
            found[declared.name] = made
    return found


def _target(declared: DeclaredTarget, problems: list[str], place: Place) -> Target | None:
    told = f"target {declared.name!r} ({declared.kind})"
    try:
        kind = notifiers.get(declared.kind)
        if declared.changes and not getattr(kind, "changes", False):
            able = sorted(name for name, one in notifiers.items() if getattr(one, "changes", False))
            problems.append(
                f"{place('changes')}: {told}: changes: this kind can show incidents only; "
                f"of changes one of {', '.join(able)} can be told"
            )
        return Target(declared, kind, kind.Config.model_validate(declared.settings))
    except ValidationError as error:
        problems += [
            f"{place('settings', *detail['loc'])}: {told}: {mistake_at(detail)}"
            for detail in error.errors(include_url=False, include_input=False)
        ]
    except ConfigError as error:
        problems.append(f"{place('kind')}: {told}: {error}")
    return None


def read(
    model: type[Any], given: Mapping[str, Any], problems: list[str], place: Place, *at: str | int
) -> Any:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        problems += [
            f"{place(*at, *detail['loc'])}: {mistake_at(detail, *at)}"
            for detail in error.errors(include_url=False, include_input=False)
        ]
        return None


def _uncalled(routes: Iterable[Route], calendars: Calendars, place: Place) -> Iterator[str]:
    """Calendars that hours name and that there are not."""
    known = ", ".join(sorted(calendars)) or "none"
    for one in routes:
        for hours in one.hours or ():
            if hours.calendar is not None and hours.calendar not in calendars:
                where = f"{place('routes')}: route {one.name or 'without a name'}"
                yield f"{where}: hours: there is no calendar {hours.calendar!r}; known: {known}"
        yield from _uncalled(one.routes, calendars, place)


def _open(hours: DeclaredHours, calendars: Calendars) -> Open:
    days = None if hours.calendar is None else calendars.get(hours.calendar)
    return Open(hours) if days is None else Open(hours, days)


def _node(
    one: Route, at: str, above: tuple[str, ...] | None, terms: Terms, calendars: Calendars
) -> Node:
    told = {name: getattr(one, name) for name in Terms.__dataclass_fields__}
    if one.hours is not None:
        told["hours"] = tuple(_open(each, calendars) for each in one.hours)
    kept = {name: getattr(terms, name) for name in Terms.__dataclass_fields__}
    mine = Terms(**{n: kept[n] if told[n] is None else told[n] for n in kept})
    name = one.name or f"route-{at}"
    to = above if one.to is None else tuple(one.to)
    children = [_node(each, f"{at}.{i}", to, mine, calendars) for i, each in enumerate(one.routes)]
    return Node(name, one.match, to, one.goes_on, mine, tuple(children))


def _silence(one: DeclaredSilence) -> Silence:
    return Silence(
        match=dict(one.match.told()),
        starts_at=one.starts_at,
        ends_at=one.ends_at,
        by="trackside.yaml",
        why=one.why,
    )


def _unknown(
    routes: Sequence[Mapping[str, Any]],
    teams: Mapping[str, Sequence[str]],
    known: set[str],
    place: Place,
) -> Iterator[str]:
    """Targets that are named and not declared."""
    told = ", ".join(sorted(known)) or "none"
    for spot, name in _named(routes, ("routes",)):
        if name not in known:
            yield f"{place(*spot)}: there is no target {name!r}; declared: {told}"
    for team, names in teams.items():
        for name in names:
            if name not in known:
                yield (
                    f"{place('teams')}: team {team!r} names the target {name!r}, which is not "
                    f"declared; declared: {told}"
                )


def _named(given: Any, at: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every name under a `to`, wherever it stands."""
    if isinstance(given, Mapping):
        for key, value in given.items():
            if key == "to" and isinstance(value, str):
                # hours end at a time of day
                if not {"quiet", "hours", "digest"} & set(at[-2:]):
                    yield (*at, key), value
            elif key == "to" and isinstance(value, list) and at[-1] != "digest":
                yield from (((*at, key, i), str(name)) for i, name in enumerate(value))
            else:
                yield from _named(value, (*at, key))
    elif isinstance(given, list | tuple):
        for index, value in enumerate(given):
            yield from _named(value, (*at, index))


def _twice(nodes: Iterable[Node]) -> Iterator[str]:
    seen: set[str] = set()
    for node in nodes:
        if node.name in seen:
            yield f"routes: the route {node.name!r} stands more than once; give each its own name"
        seen.add(node.name)
