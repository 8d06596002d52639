"""What the rest of the hub asks of telling: hub.ports.Teller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec.structs import replace

from alerting.channels import Channels
from alerting.declared import match_of
from alerting.deliver import Deliver
from alerting.heartbeat import Heartbeat
from alerting.mute import silenced, told_of
from alerting.pacing import ill, well
from alerting.plan import Plan
from alerting.routing import who_hears
from alerting.tell import Tell
from hub.errors import TracksideError, Unavailable
from hub.ports import (
    About,
    Action,
    DeliverStore,
    Delivery,
    Fence,
    Health,
    Hearing,
    Message,
    Silence,
    Standing,
    TargetTold,
    Trial,
)


class Desk:
    def __init__(
        self,
        store: DeliverStore,
        plan: Plan,
        channels: Channels,
        telling: Tell,
        delivering: Deliver,
        heartbeat: Heartbeat | None = None,
    ) -> None:
        self._store = store
        self._plan = plan
        self._channels = channels
        self._telling = telling
        self._delivering = delivering
        self._heartbeat = heartbeat

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

    def close(self) -> None:
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
