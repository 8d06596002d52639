"""What a channel is told, and how: one file of `alerting/notifiers/` per channel.

    @notifiers.register("slack")
    class Slack: ...

A notifier renders neutral blocks for its channel and makes the channel show what it should; it
decides nothing about who hears what and when, and keeps nothing but what it hands back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from msgspec import Struct
from pydantic import BaseModel, ConfigDict

from hub.ports.adapters import Finding, Json
from hub.registry import Registry


class Standing(StrEnum):
    """What a channel should show of an incident."""

    OPEN = "OPEN"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    RESOLVED = "RESOLVED"


class Link(Struct, frozen=True):
    text: str
    url: str


class WhoIsHit(Struct, frozen=True):
    """A job or dataset downstream. breach_at: when it will be late, with what probability."""

    name: str
    team: str | None = None
    breach_at: datetime | None = None
    probability: float | None = None


class Update(Struct, frozen=True):
    """One step of the incident, in the order in which they came. `by`: None is the hub itself."""

    at: datetime
    text: str
    by: str | None = None


class Block(Struct, frozen=True):
    """A part of a message that is no incident's: a heading, and lines of plain text."""

    label: str
    lines: Sequence[str]


class Message(Struct, frozen=True, kw_only=True):
    """What is told of an incident, or of a group of them: neutral blocks, all plain text.

    title: what is wrong in one sentence with numbers. trend: the latest runs as a short text.
    count: incidents that it stands for. hidden: how many more are hit than are named. blocks: of a
    digest, which has none of the parts of an incident, and asks nobody for anything. change: a job
    has changed; that is no incident either.
    """

    title: str
    severity: str  # info | warning | error | critical
    kind: str  # of the rule
    rule: str
    subject: str
    team: str | None = None
    since: datetime
    opened_at: datetime
    resolved_at: datetime | None = None
    cause: str | None = None
    hit: Sequence[WhoIsHit] = ()
    hidden: int = 0
    error: str | None = None
    trend: str | None = None
    advice: str | None = None
    updates: Sequence[Update] = ()
    links: Sequence[Link] = ()
    count: int = 1
    evidence: Json = {}
    blocks: Sequence[Block] = ()
    change: bool = False


class Delivery(Struct, frozen=True):
    """What one target should show. `key` is the incident's (or group's) there, for its whole life.

    version: grows with each change of it. loud: people should be called again (it has escalated or
    opened again), and not only see it change.
    """

    key: str
    version: int
    standing: Standing
    message: Message
    loud: bool = False


class WhatToDo(StrEnum):
    """What a person asks for in a channel."""

    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    SNOOZE = "snooze"
    EXPECTED = "expected"
    NEW_NORMAL = "new_normal"
    SILENCE = "silence"
    NOTE = "note"


class Action(Struct, frozen=True):
    """What a person has asked for, of the incident or group with this key. `id`: of the request."""

    id: str
    key: str
    what: WhatToDo
    by: str
    reason: str = ""
    until: datetime | None = None


class NotifierConfig(BaseModel):
    """Base of every channel's settings. Secrets are references, resolved when they are used."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @property
    def again_s(self) -> float | None:
        """How often a channel that forgets is told the same again until it is over, in seconds:
        quietly, as often as it takes. None: it keeps what it was told.
        """
        return None


class Notifier(Protocol):
    """One target in one channel.

    Every call ends by itself within bounded time. Raises Unavailable where the channel does not
    take it (`permanent` where a person must change something, `retry_after_s` if the channel says
    when to come back), with a text that says what to change and never holds a secret.

    keyed: the channel keeps one thing per key, so that to deliver again changes nothing.

    Three things are left to a kind. One whose `__init__` has a parameter `allowed` is told the
    private networks, as in 10.0.0.0/8, in which it may be. One that has `digests = True` is sent
    digests, too: messages with `blocks`, for which nobody is to be called. One that has
    `changes = True` may be told that jobs have changed: messages with `change`.
    """

    Config: ClassVar[type[NotifierConfig]]
    keyed: ClassVar[bool]

    def __init__(self, config: Any, target: str) -> None: ...

    def deliver(self, delivery: Delivery, held: Json) -> Json:
        """Makes the channel show it, and returns what is to be held for the next time.

        held: what the last delivery of this key returned ({}: nothing was delivered, or it is not
        known whether it was: a channel that can look for it does so first).
        """
        ...

    def inbound(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Sequence[Action]:
        """What people ask for, verified: raises Unauthorized for what the channel did not sign, or
        signed too long ago. Header names are lower case.
        """
        ...

    def check(self) -> Sequence[Finding]:
        """What works and what doesn't: address, credentials, permissions; tells nobody anything."""
        ...

    def close(self) -> None: ...


notifiers: Registry[type[Notifier]] = Registry("kind of notifier", group="trackside.notifiers")
