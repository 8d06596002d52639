"""What the rest of the hub asks of telling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from hub.ports.adapters import Finding
from hub.ports.cases import About, Fence, Silence
from hub.ports.notifiers import Action


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

    def close(self) -> None: ...
