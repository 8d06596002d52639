"""Who hears of what, checked and ready to be asked; `alerting.reading` makes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from msgspec.structs import replace

from alerting.declared import DeclaredDigest, DeclaredTarget, Escalate, Match
from alerting.quiet import Open, Quiet
from hub.ports import About, Notifier, NotifierConfig, Silence


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
    hours: tuple[Open, ...] = ()
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

    @property
    def again_s(self) -> float | None:
        return self.config.again_s

    @property
    def shows_digests(self) -> bool:
        """A kind says so itself; of one that does not, nobody is sure that it calls no one."""
        return bool(getattr(self.kind, "digests", False))


USUAL: Final = Terms()


@dataclass(frozen=True, slots=True)
class Ownership:
    """What a team owns that says of itself no other: by its owners, or by its namespace."""

    team: str
    owners: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Digest:
    """What a team, or a route, is told once in a period. name: of all digests its own."""

    name: str
    targets: tuple[str, ...]
    told: DeclaredDigest
    team: str | None = None
    route: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that was declared, checked."""

    targets: Mapping[str, Target] = field(default_factory=dict)
    routes: tuple[Node, ...] = ()
    teams: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    silences: tuple[Silence, ...] = ()
    ownership: tuple[Ownership, ...] = ()
    digests: tuple[Digest, ...] = ()

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
        return next((node.terms for node in nodes_of(self.routes) if node.name == route), USUAL)

    @property
    def tells_changes(self) -> bool:
        return any(one.declared.changes for one in self.targets.values())

    @property
    def for_all(self) -> tuple[str, ...]:
        """The targets that are nobody's."""
        return tuple(n for n, one in self.targets.items() if one.declared.team is None)


def nodes_of(nodes: Iterable[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from nodes_of(node.children)
