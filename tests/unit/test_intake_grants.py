"""A sender writes only what it was granted."""

from __future__ import annotations

import msgspec
import pytest

from hub.errors import Forbidden
from hub.openlineage.redact import Redactor
from hub.record import IncomingEvent, Sender
from hub.record.intake import Intake, Read

RUN = "01900000-0000-7000-8000-000000000001"
PARENT = "01900000-0000-7000-8000-000000000002"


def may_write_sales(namespace: str) -> None:
    if namespace != "sales":
        raise Forbidden(f"not {namespace}")


def _intake() -> Intake:
    return Intake(Redactor(), lambda: 1)


def _read(namespace: str, parent: str) -> Read:
    event = {
        "eventType": "START",
        "eventTime": "2026-11-01T06:00:00Z",
        "producer": "https://example.org",
        "run": {
            "runId": RUN,
            "facets": {
                "parent": {"run": {"runId": PARENT}, "job": {"namespace": parent, "name": "dag"}}
            },
        },
        "job": {"namespace": namespace, "name": "dag.task"},
    }
    return _intake().event(msgspec.json.encode(event), Sender(), may_write_sales)


def _parent(read: Read) -> object:
    (item,) = read.items
    assert isinstance(item, IncomingEvent)
    assert item.event.run is not None
    return item.event.run.parent


def test_an_event_of_another_namespace_is_refused() -> None:
    read = _read("finance", "finance")
    assert isinstance(read.error, Forbidden)
    assert read.items == []


def test_a_parent_in_a_granted_namespace_is_kept() -> None:
    assert _parent(_read("sales", "sales")) is not None


def test_a_parent_in_another_namespace_is_not_written() -> None:
    assert _parent(_read("sales", "finance")) is None


def _observe(seen: dict[str, object], sender: Sender, orchestrator: str | None) -> Read:
    raw = msgspec.json.encode({"observed_at": "2026-11-01T06:00:00Z", **seen})
    return _intake().observations(raw, sender, orchestrator, may_write_sales)


HEALTH: dict[str, object] = {"type": "health", "status": "HEALTHY"}


def test_a_sender_bound_to_an_orchestrator_speaks_for_it() -> None:
    assert _observe(HEALTH, Sender("af-sales"), None).error is None
    assert _observe(HEALTH, Sender("af-sales"), "af-sales").error is None


@pytest.mark.parametrize("sender", [Sender("af-sales"), Sender()])
def test_nobody_else_speaks_for_an_orchestrator(sender: Sender) -> None:
    assert isinstance(_observe(HEALTH, sender, "af-finance").error, Forbidden)


def test_a_schedule_needs_its_jobs_namespace() -> None:
    seen = {"type": "schedule", "schedule": {"kind": "cron", "expression": "0 6 * * *"}}
    sales, finance = ({"namespace": n, "name": "dag"} for n in ("sales", "finance"))
    assert _observe({**seen, "job": sales}, Sender(), None).error is None
    assert isinstance(_observe({**seen, "job": finance}, Sender(), None).error, Forbidden)
