"""What the rest of the hub asks of telling: hub.ports.Teller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from threading import Lock
from typing import Protocol

import structlog
from msgspec.structs import replace

from alerting.channels import Channels
from alerting.declared import match_of
from alerting.deliver import Deliver
from alerting.heartbeat import Heartbeat
from alerting.listening import Do, Listening
from alerting.mute import silenced, told_of
from alerting.pacing import ill, well
from alerting.plan import Plan
from alerting.routing import who_hears
from alerting.tell import Tell
from hub.errors import ConfigError, TracksideError, Unavailable
from hub.ports import (
    About,
    Action,
    DeclaredPart,
    DeliverStore,
    Delivery,
    Fence,
    Health,
    Hearing,
    Message,
    PartTold,
    Silence,
    Standing,
    TargetTold,
    Trial,
)

log = structlog.get_logger(__name__)


class Declaring(Protocol):
    """Where what was declared comes from."""

    def parts(self) -> Sequence[DeclaredPart]: ...

    def plan(self, parts: Sequence[DeclaredPart]) -> Plan:
        """Raises ConfigError."""
        ...

    def of_file(self) -> Sequence[PartTold]: ...

    def check(self, parts: Sequence[DeclaredPart]) -> None: ...


class Desk:
    def __init__(
        self,
        store: DeliverStore,
        plan: Plan,
        channels: Channels,
        telling: Tell,
        delivering: Deliver,
        heartbeat: Heartbeat | None,
        declaring: Declaring,
    ) -> None:
        """plan: of the file alone; `refresh` takes what was declared besides."""
        self._store = store
        self._plan = plan
        self._channels = channels
        self._telling = telling
        self._delivering = delivering
        self._heartbeat = heartbeat
        self._declaring = declaring
        self._listening = Listening(channels, plan)
        self._parts: Sequence[DeclaredPart] = ()
        self._problem: str | None = None
        self._lock = Lock()

    # -- what is declared ----------------------------------------------------------------------

    def refresh(self) -> None:
        with self._lock:
            parts = self._declaring.parts()
            if parts == list(self._parts):
                return
            try:
                plan = self._declaring.plan(parts)
            except ConfigError as error:  # the file has changed since they were checked
                self._refuse(str(error))
                return
            self._parts, self._plan, self._problem = parts, plan, None
            for one in (self._channels, self._delivering, self._telling, self._listening):
                one.replan(plan)
            log.info("alerting_changed", parts=len(parts))

    def _refuse(self, problem: str) -> None:
        if problem != self._problem:
            log.error("alerting_refused", problem=problem)
        self._problem = problem

    def problem(self) -> str | None:
        return self._problem

    def parts(self) -> Sequence[PartTold]:
        declared = [
            PartTold(
                part=one.part,
                name=one.name,
                place=one.place,
                told=one.told,
                managed_by=None,
                declared_by=one.declared_by,
                declared_at=one.declared_at,
            )
            for one in self._declaring.parts()
        ]
        return [*self._declaring.of_file(), *declared]

    def check_parts(self, parts: Sequence[DeclaredPart]) -> None:
        self._declaring.check(parts)

    # -- loops ---------------------------------------------------------------------------------

    def tell(self, now: datetime, fence: Fence) -> bool:
        return self._telling.round(now, fence)

    def deliver(self, now: datetime) -> bool:
        return self._delivering.round(now)

    @property
    def has_heartbeat(self) -> bool:
        return self._heartbeat is not None

    def beat(self, failing: Sequence[str]) -> None:
        if self._heartbeat is not None:
            self._heartbeat.beat(", ".join(failing))

    def targets(self) -> Sequence[TargetTold]:
        return [
            TargetTold(
                name,
                one.declared.kind,
                one.kind.keyed,
                one.declared.team,
                one.declared.severity,
            )
            for name, one in self._plan.targets.items()
        ]

    def silences(self) -> Sequence[Silence]:
        return self._plan.silences

    def hearing(self, about: About, silences: Sequence[Silence], now: datetime) -> Hearing:
        return hearing_of(self._plan, about, silences, now)

    def check_match(self, match: Mapping[str, str]) -> Mapping[str, str]:
        return dict(match_of(match).told())

    def test(self, target: str, now: datetime) -> Trial:
        notifier = self._channels.get(target)
        health = self._store.health().get(target) or Health(name=target)
        try:
            findings = notifier.check()
            shown = _trial(target, now)
            held = notifier.deliver(shown, {})
            message = replace(shown.message, resolved_at=now)
            over = replace(shown, version=2, standing=Standing.RESOLVED, message=message)
            notifier.deliver(over, held)
        except TracksideError as error:
            told = error if isinstance(error, Unavailable) else Unavailable(str(error))
            self._store.tested(ill(health, told, now), now)
            return Trial((), str(error))
        self._store.tested(well(health, now), now)
        return Trial(findings)

    def inbound(
        self, target: str, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> Sequence[Action]:
        return self._channels.get(target).inbound(headers, body, now)

    def listen(self, do: Do) -> None:
        self._listening.start(do)

    def close(self) -> None:
        self._listening.close()
        self._delivering.close()
        if self._heartbeat is not None:
            self._heartbeat.close()
        self._channels.close()


def hearing_of(plan: Plan, about: About, silences: Sequence[Silence], now: datetime) -> Hearing:
    """Who would hear of it now; silences: besides those of the plan."""
    about = plan.owned(about)
    trace = who_hears(plan, about)
    names = tuple(name for one in trace.heard for name in one.targets)
    over = silenced(about, [*silences, *plan.silences], now)
    if over is None:
        return Hearing(names, tuple(trace.lines))
    return Hearing((), (*trace.lines, f"muted: {told_of(over)}"))


def _trial(target: str, now: datetime) -> Delivery:
    message = Message(
        title=f"Trackside can tell {target}: this is a test, nothing is wrong",
        severity="info",
        kind="test",
        rule="test",
        subject="test",
        since=now,
        opened_at=now,
        advice="Nothing is to be done.",
    )
    return Delivery(f"trackside-test-{now:%Y%m%d%H%M%S}", 1, Standing.OPEN, message)
