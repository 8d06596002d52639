"""New versions of jobs, told to those who see them beside their incidents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from hub.ports.cases import About, Fence
from hub.ports.notifiers import Message


class JobChanged(Struct, frozen=True, kw_only=True):
    """A job has a version that it never had. what: how that differs from the one before, a line
    each; namespace and job of `about` are told.
    """

    about: About
    at: datetime
    what: Sequence[str]


class JobChanges(Struct, frozen=True):
    """What was read, and how far by writer; more: something may be left."""

    changed: Sequence[JobChanged] = ()
    places: Mapping[int, int] = {}
    more: bool = False


class Told(Struct, frozen=True):
    """A message, and who is told. team: whose it is, if anybody's."""

    message: Message
    targets: tuple[str, ...]
    team: str | None = None


class ChangeStore(Protocol):
    """Where the tell loop reads of new versions of jobs; one replica at a time."""

    def settle(self, fence: Fence, *, wanted: bool) -> None:
        """Whether anybody wants to hear of them: from now on, where nobody did before."""
        ...

    def read(self, limit: int) -> JobChanges: ...

    def keep(self, found: JobChanges, told: Sequence[Told], now: datetime, fence: Fence) -> None:
        """Hands the messages to their targets' deliveries, in the transaction that moves on."""
        ...
