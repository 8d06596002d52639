"""Who hears of what, as trackside.yaml says it: targets, routes, teams, silences.

targets:
- {name: sales-chat, kind: slack, team: sales, settings: {token: env:SLACK, channel: "#sales"}}
routes:
- match: {team: sales, severity: critical}
to: [sales-pager, sales-chat]
teams:
- {name: sales, targets: [sales-chat]}
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import partial
from typing import Annotated, Any, Final, Literal

from msgspec.structs import replace
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from alerting.quiet import Quiet
from hub.errors import BadInput, ConfigError
from hub.model import SEVERITIES, IncidentSeverity
from hub.ports import About, Notifier, NotifierConfig, Silence, notifiers

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
Seconds = Annotated[float, Field(ge=0, le=30 * 86_400)]
By = Literal["team", "orchestrator", "namespace", "rule", "kind", "severity", "job", "dataset"]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str | Mapping) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, populate_by_name=True
    )


class Match(_Section):
    """All that is told must be so. * is any text; of severity, that much or more."""

    team: str | None = None
    owner: str | None = None
    orchestrator: str | None = None
    namespace: str | None = None
    job: str | None = None
    dataset: str | None = None
    target: str | None = None
    rule: str | None = None
    kind: str | None = None
    tag: str | None = Field(None, description="key, or key:value")
    severity: IncidentSeverity | None = None

    def why_not(self, about: About) -> str | None:
        """What keeps it from matching; None: it matches."""
        for name, wanted in self.told():
            found = _found(about, name)
            if name == "severity":
                if SEVERITIES.index(about.severity) < SEVERITIES.index(wanted):
                    return f"severity {about.severity} is below {wanted}"
            elif not any(fnmatchcase(one, wanted) for one in found):
                return f"{name} is {' or '.join(sorted(found)) or 'none'}, not {wanted}"
        return None

    def told(self) -> Iterator[tuple[str, str]]:
        for name in type(self).model_fields:
            value = getattr(self, name)
            if value is not None:
                yield name, value

    def __str__(self) -> str:
        words = (f"severity >= {v}" if n == "severity" else f"{n} {v}" for n, v in self.told())
        return ", ".join(words) or "everything"


def _found(about: About, name: str) -> Iterable[str]:
    if name == "owner":
        return about.owners
    if name == "tag":
        return about.tags
    value: str | None = getattr(about, name)
    return () if value is None else (value,)


class DeclaredTarget(_Section):
    """Somebody who hears: one place in one channel."""

    name: Name
    kind: str
    settings: dict[str, Any] = {}
    team: str | None = Field(None, description="whose it is; nobody's hears what no one else does")
    severity: IncidentSeverity = Field("info", description="the least that it hears of")
    per_minute: int = Field(60, ge=1, le=100_000, description="deliveries at most")


class Escalate(_Section):
    """Who hears, too, when nobody has acknowledged it for so long."""

    after_s: float = Field(gt=0, le=30 * 86_400)
    to: Names = Field(min_length=1)


class Route(_Section):
    """A node of the tree. What it does not say, its parent says."""

    name: Name | None = None
    match: Match = Match()
    to: Names | None = Field(None, description="targets; none of its own: the team's; []: nobody")
    goes_on: bool = Field(False, alias="continue", description="later routes are looked at, too")
    group_by: tuple[By, ...] | None = None
    group_wait_s: Seconds | None = None
    group_interval_s: Seconds | None = None
    repeat_s: Annotated[float, Field(ge=60, le=30 * 86_400)] | None = None
    escalate: tuple[Escalate, ...] | None = None
    quiet: Annotated[tuple[Quiet, ...], BeforeValidator(_listed)] | None = None
    crowd: int | None = Field(None, ge=0, le=1000)
    routes: tuple[Route, ...] = ()


class DeclaredSilence(_Section):
    """A silence that the file keeps, such as a window of maintenance."""

    match: Match
    starts_at: AwareDatetime = datetime(1970, 1, 1, tzinfo=UTC)
    ends_at: AwareDatetime
    why: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """How the incidents of a route are told.

    group_wait_s: from the first of a group to the first message. group_interval_s: from a message
    to the next that only tells of more. crowd: more than so many notifications of the route in
    five minutes become one; 0: never.
    """

    group_by: tuple[str, ...] = ()
    group_wait_s: float = 30.0
    group_interval_s: float = 300.0
    repeat_s: float | None = None
    escalate: tuple[Escalate, ...] = ()
    quiet: tuple[Quiet, ...] = ()
    crowd: int = 10


@dataclass(frozen=True, slots=True)
class Node:
    """A route with all that it inherits. to: None: the team's targets."""

    name: str
    match: Match
    to: tuple[str, ...] | None
    goes_on: bool
    terms: Terms
    children: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """A declared target and its channel's code and settings."""

    declared: DeclaredTarget
    kind: type[Notifier]
    config: NotifierConfig

    @property
    def name(self) -> str:
        return self.declared.name


USUAL: Final = Terms()


@dataclass(frozen=True, slots=True)
class Ownership:
    """What a team owns that says of itself no other: by its owners, or by its namespace."""

    team: str
    owners: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that was declared, checked."""

    targets: Mapping[str, Target] = field(default_factory=dict)
    routes: tuple[Node, ...] = ()
    teams: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    silences: tuple[Silence, ...] = ()
    ownership: tuple[Ownership, ...] = ()

    def owned(self, about: About) -> About:
        """With the team that owns it, where it names none itself."""
        if about.team is not None:
            return about
        for one in self.ownership:
            if any(fnmatchcase(owner, glob) for owner in about.owners for glob in one.owners):
                return replace(about, team=one.team)
        for one in self.ownership:
            if any(fnmatchcase(about.namespace or "", glob) for glob in one.namespaces):
                return replace(about, team=one.team)
        return about

    def terms_of(self, route: str) -> Terms:
        """Of a route by its name; one that is no longer there is as usual."""
        return next((node.terms for node in _all(self.routes) if node.name == route), USUAL)

    @property
    def for_all(self) -> tuple[str, ...]:
        """The targets that are nobody's."""
        return tuple(n for n, one in self.targets.items() if one.declared.team is None)


def _all(nodes: Iterable[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from _all(node.children)


# -- from the file -----------------------------------------------------------------------------

Place = Callable[..., str]


def plan_of(
    targets: Sequence[Mapping[str, Any]],
    routes: Sequence[Mapping[str, Any]],
    silences: Sequence[Mapping[str, Any]],
    teams: Mapping[str, Sequence[str]],
    place: Place,
    ownership: Sequence[Ownership] = (),
) -> Plan:
    """The plan; raises ConfigError, which tells all that is wrong and where.

    place: where a setting stands, from its path.
    """
    problems: list[str] = []
    held = _targets(targets, problems, place)
    tree = [
        _node(one, str(index), None, USUAL)
        for index, given in enumerate(routes)
        if (one := _read(Route, given, problems, place, "routes", index)) is not None
    ]
    still = [
        _silence(one)
        for index, given in enumerate(silences)
        if (one := _read(DeclaredSilence, given, problems, place, "silences", index)) is not None
    ]
    problems += _unknown(routes, teams, {str(one.get("name")) for one in targets}, place)
    problems += _twice(_all(tree))
    if problems:
        raise ConfigError("\n".join(problems))
    named = {name: tuple(told) for name, told in teams.items()}
    return Plan(held, tuple(tree), named, tuple(still), tuple(ownership))


def _targets(
    given: Sequence[Mapping[str, Any]], problems: list[str], place: Place
) -> dict[str, Target]:
    found: dict[str, Target] = {}
    for index, one in enumerate(given):
        declared = _read(DeclaredTarget, one, problems, place, "targets", index)
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
        return Target(declared, kind, kind.Config.model_validate(declared.settings))
    except ValidationError as error:
        problems += [
            f"{place('settings', *detail['loc'])}: {told}: {_problem(detail)}"
            for detail in error.errors(include_url=False, include_input=False)
        ]
    except ConfigError as error:
        problems.append(f"{place('kind')}: {told}: {error}")
    return None


def _read(
    model: type[Any], given: Mapping[str, Any], problems: list[str], place: Place, *at: str | int
) -> Any:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        where = ".".join(map(str, at))
        problems += [
            f"{place(*at, *detail['loc'])}: {where}.{_problem(detail)}"
            for detail in error.errors(include_url=False, include_input=False)
        ]
        return None


def _problem(detail: Any) -> str:
    where = ".".join(map(str, detail["loc"]))
    text = "no such setting" if detail["type"] == "extra_forbidden" else detail["msg"]
    return f"{where}: {text}"


def _node(one: Route, at: str, above: tuple[str, ...] | None, terms: Terms) -> Node:
    told = {name: getattr(one, name) for name in Terms.__dataclass_fields__}
    kept = {name: getattr(terms, name) for name in Terms.__dataclass_fields__}
    mine = Terms(**{n: kept[n] if told[n] is None else told[n] for n in kept})
    name = one.name or f"route-{at}"
    to = above if one.to is None else tuple(one.to)
    children = [_node(each, f"{at}.{i}", to, mine) for i, each in enumerate(one.routes)]
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
                # a quiet hour ends at a time of day
                if at[-1] != "quiet" and "quiet" not in at[-2:]:
                    yield (*at, key), value
            elif key == "to" and isinstance(value, list):
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


def match_of(given: Mapping[str, str]) -> Match:
    """The matchers of a silence; raises BadInput."""
    try:
        found = Match.model_validate(given)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        where = ".".join(("match", *map(str, detail["loc"])))
        known = ", ".join(Match.model_fields)
        raise BadInput(where, detail["input"], f"matchers: {known}", detail["msg"]) from None
    if not list(found.told()):
        raise BadInput("match", dict(given), "at least one matcher, or all would be silent")
    return found
