"""Who hears of an incident, and why: pure.

The first route that matches says it, and of its children the first that matches, unless a route
says `continue`. What no route takes, its team's targets hear; what no team has, the targets that
are nobody's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from alerting.plan import USUAL, Node, Plan, Terms
from hub.model import SEVERITIES
from hub.ports import About

EVERYBODY = "everybody"


@dataclass(frozen=True, slots=True)
class Heard:
    """The targets that hear by one route. group: what is told together; None: each by itself."""

    route: str
    targets: tuple[str, ...]
    terms: Terms
    group: str | None = None


@dataclass(slots=True)
class Trace:
    """What was found, and one line for each step on the way. taken: a route has the last word."""

    heard: list[Heard] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    taken: bool = False


def who_hears(plan: Plan, about: About) -> Trace:
    """By which routes whom. A target hears by the first of them alone."""
    trace, told = Trace(), set[str]()
    about = plan.owned(about)
    for node in _taken(plan.routes, about, trace, 0):
        _add(trace, plan, about, node, told)
    if not trace.taken:
        _default(trace, plan, about, told)
    if about.kind == "target_down" and not told:
        _another(trace, plan, about)
    return trace


def _taken(nodes: Sequence[Node], about: About, trace: Trace, depth: int) -> Iterator[Node]:
    """The innermost nodes that match, in order."""
    for node in nodes:
        why_not = node.match.why_not(about)
        indent = "  " * depth
        if why_not is not None:
            trace.lines.append(f"{indent}route {node.name} ({node.match}): no, {why_not}")
            continue
        trace.lines.append(f"{indent}route {node.name} ({node.match}): yes")
        inner = list(_taken(node.children, about, trace, depth + 1))
        yield from inner or [node]
        if not node.goes_on:
            trace.taken = trace.taken or depth == 0
            return


def _add(trace: Trace, plan: Plan, about: About, node: Node, told: set[str]) -> None:
    names = node.to if node.to is not None else plan.teams.get(about.team or "", ())
    if node.to is None and not names:
        left = f"the route leaves it to the team, and {_team(about)} has no targets"
        names = plan.for_all
        trace.lines.append(f"  {left}; everybody's hear" if names else f"  nobody: {left}")
    elif not names:
        trace.lines.append("  nobody: the route says so")
    if names:
        _hear(trace, plan, about, node.name, names, node.terms, told)


def _default(trace: Trace, plan: Plan, about: About, told: set[str]) -> None:
    names = plan.teams.get(about.team or "", ())
    if names:
        trace.lines.append(f"no route takes it; {_team(about)} hears")
        _hear(trace, plan, about, f"team {about.team}", names, USUAL, told)
    elif plan.for_all:
        trace.lines.append(f"no route takes it and {_team(about)} has no targets; everybody's hear")
        _hear(trace, plan, about, EVERYBODY, plan.for_all, USUAL, told)
    else:
        trace.lines.append(f"nobody: no route takes it, and {_team(about)} has no targets")


def _hear(
    trace: Trace,
    plan: Plan,
    about: About,
    route: str,
    names: Sequence[str],
    terms: Terms,
    told: set[str],
) -> None:
    found = []
    for name in names:
        why_not = _deaf(plan, about, name, told)
        trace.lines.append(f"  {name}: {'hears' if why_not is None else why_not}")
        if why_not is None:
            found.append(name)
            told.add(name)
    if found:
        targets = tuple(found)
        trace.heard.append(Heard(route, targets, terms, group_of(terms, about, route, targets)))


def _deaf(plan: Plan, about: About, name: str, told: set[str]) -> str | None:
    """Why a target does not hear of it."""
    target = plan.targets.get(name)
    if target is None:
        return "is not declared any more"
    if name in told:
        return "hears by an earlier route already"
    if about.kind == "target_down" and about.target == name:
        return "is the one that is down"
    least = target.declared.severity
    if SEVERITIES.index(about.severity) < SEVERITIES.index(least):
        return f"hears of {least} and above only, this is {about.severity}"
    return None


def _another(trace: Trace, plan: Plan, about: About) -> None:
    """A target that is down must be told somewhere: on the first that is another."""
    for name in plan.targets:
        if name != about.target:
            trace.lines.append(f"  {name}: hears, for it is another target than the one down")
            trace.heard.append(Heard(EVERYBODY, (name,), USUAL))
            return


def group_of(terms: Terms, about: About, route: str, targets: tuple[str, ...]) -> str | None:
    """The key of the group that it belongs to; None: it is told by itself."""
    if not terms.group_by:
        return None
    values = [f"{name}={getattr(about, name) or ''}" for name in terms.group_by]
    return "|".join([route, ",".join(targets), *values])


def crowd_of(one: Heard) -> str:
    """The key of the group that takes in what is too much by itself."""
    return "|".join([one.route, ",".join(one.targets), "crowd"])


def _team(about: About) -> str:
    return f"team {about.team}" if about.team else "no team"
