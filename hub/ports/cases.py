"""What the tell loop reads and keeps: incidents as routes see them, and what is told of them.

`alerting` knows no SQL: it reads cases and notifications through these Protocols, decides, and
hands back what is to be kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from msgspec import Struct

from hub.model import EntityName, IncidentState, Transition
from hub.ports.adapters import Json
from hub.ports.notifiers import Delivery, Standing, WhoIsHit

Fence = Callable[[Any], None]
"""Called first in a transaction; raises where the lease of the loop has passed on."""


class About(Struct, frozen=True, kw_only=True):
    """An incident as routes and silences see it. job, dataset, target: the one that it is of."""

    rule: str
    kind: str
    severity: str
    team: str | None = None
    owners: tuple[str, ...] = ()
    orchestrator: str | None = None
    namespace: str | None = None
    job: str | None = None
    dataset: str | None = None
    target: str | None = None
    tags: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return self.job or self.dataset or self.target or self.orchestrator or self.rule

    @property
    def subject(self) -> str:
        """As people write it."""
        return f"{self.namespace}:{self.name}" if self.namespace else self.name


class NotificationState(StrEnum):
    """WAITING: for others that belong together with it. TOLD: deliveries were asked for."""

    WAITING = "WAITING"
    TOLD = "TOLD"
    OVER = "OVER"


class Membership(Struct, frozen=True):
    """An incident's part in a notification; standing: of the incident, as far as that goes."""

    notification: int
    route: str
    targets: tuple[str, ...]
    state: NotificationState
    standing: Standing
    single: bool


class Case(Struct, frozen=True, kw_only=True):
    """An incident to look at. window: of maintenance, in which it happened and which still holds,
    at least until `window_until`. parent: the open incident that is its cause, whether somebody hears of
    that and how severe it is; steps: what happened to it since it was looked at last.
    """

    id: int
    about: About
    state: IncidentState
    reason: str
    dry_run: bool = False
    snoozed_until: datetime | None = None
    window: str | None = None
    window_until: datetime | None = None
    parent: int | None = None
    parent_told: bool = False
    parent_severity: str | None = None
    steps: frozenset[Transition] = frozenset()
    memberships: tuple[Membership, ...] = ()

    @property
    def is_open(self) -> bool:
        return self.state is not IncidentState.RESOLVED


class Silence(Struct, frozen=True, kw_only=True):
    """Nobody hears of what matches, from `starts_at` until `ends_at`. id 0: of trackside.yaml."""

    id: int = 0
    match: Mapping[str, str]
    starts_at: datetime
    ends_at: datetime
    by: str
    why: str = ""


class Decision(Struct, frozen=True, kw_only=True):
    """What was decided about an incident, or about a notification it is part of, and why."""

    what: str  # sent | grouped | muted | nobody | deduplicated | retry | dead | escalated | over
    reason: str
    incident: int | None = None
    notification: int | None = None
    target: str | None = None


class Fresh(Struct, frozen=True):
    """A notification to make. number: below zero, its name until it has an id."""

    number: int
    route: str
    targets: tuple[str, ...]
    group: str | None
    due_at: datetime


class Part(Struct, frozen=True):
    """An incident's part in a notification from now on; None: it takes no part any more."""

    incident: int
    notification: int
    standing: Standing | None


class Look(Struct, frozen=True):
    """When to look at an incident again though nothing happens to it; None: never."""

    incident: int
    at: datetime | None


class Cases(Struct, frozen=True, kw_only=True):
    """What one round looks at. groups: live ones by their key; begun: notifications of each route
    since `crowd_since`. more: something may be left.
    """

    cases: Sequence[Case] = ()
    cursor: int = 0
    silences: Sequence[Silence] = ()
    groups: Mapping[str, int] = {}
    begun: Mapping[str, int] = {}
    more: bool = False


class Sorted(Struct, kw_only=True):
    """What became of the cases, to be kept together with the cursor."""

    cursor: int
    looks: list[Look]
    fresh: list[Fresh]
    parts: list[Part]
    touched: dict[int, bool]  # notifications that have something to say; True: loudly
    revived: list[int]  # notifications that were over and are told again
    hidden: list[int]  # incidents that are not told after all: what they cause is looked at again
    decisions: list[Decision]


class RunTold(Struct, frozen=True, kw_only=True):
    """The run that an incident is of, or what failed first within it. id: as the page of the run
    takes it. error: what it said last, redacted, if it has failed. url: its orchestrator's own
    page of it. has_log: its orchestrator hands out its log.
    """

    id: str
    job: EntityName
    orchestrator: str | None = None
    error: str | None = None
    url: str | None = None
    has_log: bool = False


class Member(Struct, frozen=True, kw_only=True):
    """An incident of a notification, with what a message says of it."""

    id: int
    about: About
    state: IncidentState
    standing: Standing
    reason: str
    evidence: Json
    since: datetime
    opened_at: datetime
    resolved_at: datetime | None = None
    cause: str | None = None
    hit: Sequence[WhoIsHit] = ()
    hidden: int = 0
    run: RunTold | None = None
    steps: Sequence[tuple[datetime, str, str, str | None]] = ()  # at, transition, reason, by
    runs: Sequence[tuple[str, float | None]] = ()  # state, seconds; the latest last


class Notification(Struct, frozen=True, kw_only=True):
    """What is to be told of an incident or a group. counts: members by standing; members: those
    that a message names, the first that needs somebody first. steps: escalations done.
    """

    id: int
    key: str
    route: str
    targets: tuple[str, ...]
    group: str | None
    state: NotificationState
    standing: Standing | None
    version: int
    loud: bool
    begun_at: datetime
    told_at: datetime | None
    said_at: datetime | None
    repeated_at: datetime | None
    steps: int
    counts: Mapping[Standing, int]
    members: Sequence[Member]


class Said(Struct, frozen=True, kw_only=True):
    """What became of a notification. deliver: what its targets should show; only those that were
    told something, if it is over or acknowledged.
    """

    id: int
    state: NotificationState
    due_at: datetime | None
    deliver: Delivery | None = None
    targets: tuple[str, ...] = ()
    loud: bool = False  # people are still to be called
    begun: bool = False  # it is told anew: the clocks of repeats and escalations begin
    repeated: bool = False
    steps: int = 0
    decisions: Sequence[Decision] = ()


class TellStore(Protocol):
    """Where the tell loop reads and keeps; one replica at a time."""

    def begin(self, now: datetime, fence: Fence) -> None:
        """At the first round of a process: what is open is looked at again."""
        ...

    def cases(self, now: datetime, limit: int) -> Cases: ...

    def keep_sorted(self, found: Sorted, now: datetime, fence: Fence) -> None: ...

    def due(self, now: datetime, limit: int) -> Sequence[Notification]: ...

    def keep_said(self, said: Sequence[Said], now: datetime, fence: Fence) -> None: ...
