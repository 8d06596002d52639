"""What the rest of the hub asks of telling."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from hub.ports.adapters import Finding, Json
from hub.ports.cases import About, Fence, Silence
from hub.ports.notifiers import Action


class AlertingPart(StrEnum):
    """What of alerting can be declared over the API, as the sections of trackside.yaml are called."""

    TARGETS = "targets"
    ROUTES = "routes"
    TEAMS = "teams"

    @property
    def one(self) -> str:
        return self.value.removesuffix("s")


class DeclaredPart(Struct, frozen=True, kw_only=True):
    """A target, a route or what a team hears by. place: of routes, the smaller the earlier. told:
    as it would stand in the file, less its name; secrets are references.
    """

    part: AlertingPart
    name: str
    place: int = 0
    told: Json
    declared_by: str
    declared_at: datetime


class PartTold(Struct, frozen=True, kw_only=True, rename="camel"):
    """A declared part as it may be shown. managedBy: the file that declares it; null: the API."""

    part: AlertingPart
    name: str
    place: int
    told: Json
    managed_by: str | None
    declared_by: str | None = None
    declared_at: datetime | None = None


class Trial(Struct, frozen=True):
    """What a target is asked for in a test; error: None where it went well."""

    findings: Sequence[Finding]
    error: str | None = None


class TargetTold(Struct, frozen=True):
    """A target as it may be shown: no settings, for they are its owner's."""

    name: str
    kind: str
    keyed: bool
    team: str | None
    severity: str


class Hearing(Struct, frozen=True):
    """Who would hear of an incident, and the lines that say why."""

    targets: tuple[str, ...]
    why: tuple[str, ...]


class Teller(Protocol):
    """What the rest of the hub asks of telling."""

    def tell(self, now: datetime, fence: Fence) -> bool:
        """A round of the tell loop, of one replica; True if more is left."""
        ...

    def deliver(self, now: datetime) -> bool:
        """A round of the deliver loop, of every replica."""
        ...

    @property
    def has_heartbeat(self) -> bool: ...

    def beat(self, failing: Sequence[str]) -> None:
        """Tells somebody outside that the hub works, or which loops fail."""
        ...

    def targets(self) -> Sequence[TargetTold]: ...

    def parts(self) -> Sequence[PartTold]:
        """What is declared, of the file and over the API."""
        ...

    def problem(self) -> str | None:
        """Why what was declared over the API is not in force; None: it is."""
        ...

    def check_parts(self, parts: Sequence[DeclaredPart]) -> None:
        """Raises WrongSettings, which tells all that is wrong, Conflict where the file manages a
        name, and Forbidden for a secret that was not declared for the team.
        """
        ...

    def refresh(self) -> None:
        """Takes what was declared over the API since; whatever is open is looked at anew then."""
        ...

    def silences(self) -> Sequence[Silence]:
        """Those of trackside.yaml."""
        ...

    def hearing(self, about: About, silences: Sequence[Silence], now: datetime) -> Hearing: ...

    def check_match(self, match: Mapping[str, str]) -> Mapping[str, str]:
        """The matchers as they are kept; raises BadInput."""
        ...

    def test(self, target: str, now: datetime) -> Trial:
        """Sends a message that says it is a test, and its resolve. Raises NotFound."""
        ...

    def inbound(
        self, target: str, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> Sequence[Action]: ...

    def listen(self, do: Callable[[str, Action, datetime], None]) -> None:
        """Opens the connections that targets want to hold open; what people ask for there is done
        by `do`, by the target's name.
        """
        ...

    def close(self) -> None: ...
