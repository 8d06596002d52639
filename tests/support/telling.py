"""A hub's telling, step by step, against channels that record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from alerting.channels import Channels
from alerting.deliver import Deliver
from alerting.plan import Plan
from alerting.reading import plan_of
from alerting.sorting import CROWD_WITHIN
from alerting.tell import Tell
from hub.evaluate.telling import Delivering, Digesting, Telling, TellingChanges, Transactions
from hub.model import Incident, IncidentState, Resolution, Step, Transition
from hub.store.db import Connection, Database
from hub.store.decisions import list_decisions
from hub.store.incident_steps import Held, Place, hold_incident, move_incident, open_incident
from hub.store.leases import no_fence
from hub.store.writer import Writer
from tests.support.recorder import WORLD

START = datetime(2026, 11, 25, 10, tzinfo=UTC)


def plan(**told: Any) -> Plan:
    """A plan of targets of the recording kinds."""
    return plan_of(
        told.get("targets", [{"name": "chat", "kind": "keyed-recorder"}]),
        told.get("routes", []),
        told.get("silences", []),
        told.get("teams", {}),
        lambda *path: ".".join(map(str, path)),
        digests=told.get("digests", {}),
        calendars=told.get("calendars"),
    )


class Silent:
    """Figures that nobody reads."""

    def delivery_ended(self, target: str, *, result: str, seconds: float, key: str) -> None:
        pass


class Desk:
    """Opens and moves incidents by hand, and tells of them. Seconds count from START."""

    def __init__(self, db: Database, writer: Writer[Any, Any], its: Plan, **deliver: Any) -> None:
        self.db, self.writer, self.plan = db, writer, its
        self.now = START
        self.doing = Transactions(db, writer)
        self.restart(its, **deliver)

    def restart(self, its: Plan | None = None, **deliver: Any) -> None:
        """As a new process would go on."""
        self.plan = its or self.plan
        self.tell = Tell(
            Telling(self.doing, CROWD_WITHIN),
            Digesting(self.doing),
            TellingChanges(self.doing),
            self.plan,
            "https://hub.example",
        )
        self.channels = Channels(self.plan)
        self.deliver = Deliver(
            Delivering(self.doing),
            self.plan,
            self.channels,
            Silent(),
            clock=lambda: self.now,
            **deliver,
        )

    # -- time ----------------------------------------------------------------------------------

    def at(self, seconds: float) -> None:
        """Time passes, and both loops run until nothing is left."""
        self.now = START + timedelta(seconds=seconds)
        self.run()

    def run(self) -> None:
        self.only_tell()
        self.only_deliver()

    def only_tell(self) -> None:
        while self.tell.round(self.now, no_fence):
            pass

    def only_deliver(self) -> None:
        for _ in range(50):
            if not self.deliver.round(self.now):
                break
            self.deliver.settle()

    # -- incidents -----------------------------------------------------------------------------

    def open(self, key: str = "1", **told: Any) -> int:
        place = Place(
            told.get("rule", "failed-run"),
            told.get("kind", "failed_run"),
            "job",
            told.get("job", 1),
            told.get("team"),
            told.get("severity", "error"),
            told.get("dry_run", False),
        )
        one = Incident(
            key=key,
            severity=place.severity,
            reason=told.get("reason", f"run {key} failed"),
            since=self.now,
            opened_at=self.now,
            parent=told.get("parent"),
            evidence=told.get("evidence", {}),
        )
        made = Step(Transition.OPENED, one, one.reason)
        return self.writer.call(lambda it: open_incident(it, place, made, None, self.now))

    def move(self, key: int, transition: Transition, by: str | None = None, **changes: Any) -> None:
        def change(connection: Connection) -> None:
            held: Held = hold_incident(connection, key)
            moved = replace(held.incident, **changes)
            reason = changes.get("reason", str(transition))
            move_incident(connection, key, Step(transition, moved, reason), self.now, by)

        self.writer.call(change)

    def acknowledge(self, key: int) -> None:
        self.move(key, Transition.ACKNOWLEDGED, "ada", state=IncidentState.ACKNOWLEDGED)

    def resolve(self, key: int) -> None:
        self.move(
            key,
            Transition.RESOLVED,
            state=IncidentState.RESOLVED,
            resolved_at=self.now,
            resolution=Resolution.HEALED,
        )

    def reopen(self, key: int) -> None:
        self.move(
            key,
            Transition.REOPENED,
            state=IncidentState.OPEN,
            resolved_at=None,
            resolution=None,
        )

    # -- what was told -------------------------------------------------------------------------

    def sent(self, target: str = "chat") -> list[tuple[str, str]]:
        """Standing and title of each message, in order."""
        return [(str(one.standing), one.message.title) for one in WORLD.places[target].sent]

    def standings(self, target: str = "chat") -> list[str]:
        return [standing for standing, _ in self.sent(target)]

    def decisions(self, key: int) -> list[tuple[str, str]]:
        with self.db.reading() as connection:
            return [(one.what, one.reason) for one in list_decisions(connection, key)]
