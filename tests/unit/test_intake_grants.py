"""A sender writes only what it was granted."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest

from hub.errors import Forbidden
from hub.model import EntityName, LineageEvent
from hub.openlineage.redact import Redactor
from hub.record import IncomingEvent, Sender
from hub.record.intake import Intake, Read

RUN = "01900000-0000-7000-8000-000000000001"
PARENT = "01900000-0000-7000-8000-000000000002"


def may_write_sales(namespace: str) -> None:
    if namespace != "sales":
        raise Forbidden(f"not {namespace}")


def _intake() -> Intake:
    return Intake(Redactor(), lambda: 1_800_000_000_000_000)


def _read(namespace: str, parent: str, **more: object) -> Read:
    event = {
        "eventType": "START",
        "eventTime": "2026-11-01T06:00:00Z",
        "producer": "https://example.org",
        "run": {
            "runId": RUN,
            "facets": {
                "parent": {"run": {"runId": PARENT}, "job": {"namespace": parent, "name": "dag"}},
                **more,
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


def _told(read: Read) -> list[tuple[str, str]]:
    (item,) = read.items
    assert isinstance(item, IncomingEvent)
    return [(warning.path, warning.message) for warning in item.event.warnings]


def test_jobs_of_another_namespace_that_are_not_written_are_warned_of() -> None:
    ours, theirs = ({"job": {"namespace": n, "name": "dag"}} for n in ("sales", "finance"))
    needed = {"upstream": [ours, theirs], "downstream": [theirs]}
    told = dict(_told(_read("sales", "finance", jobDependencies=needed)))
    assert {path for path in told if path.startswith("$.run")} == {
        "$.run.facets.parent.job",
        "$.run.facets.jobDependencies.upstream[1].job",
        "$.run.facets.jobDependencies.downstream[0].job",
    }
    barred = "not taken: this token may not write the namespace 'finance'"
    assert told["$.run.facets.parent.job"] == barred
    assert not [path for path, _ in _told(_read("sales", "sales")) if path.startswith("$.run")]


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


OURS, THEIRS = ("sales", "orders"), ("finance", "ledger")
OWNERS: dict[str, object] = {"ownership": {"owners": [{"name": "team:sales"}]}}
NOBODY: dict[str, object] = {"ownership": {"owners": []}}


def _links(*names: tuple[str, str]) -> dict[str, object]:
    found = [{"namespace": space, "name": name, "type": "TABLE"} for space, name in names]
    return {"symlinks": {"identifiers": found}}


def _of_dataset(name: tuple[str, str], facets: Mapping[str, object]) -> LineageEvent:
    """A run of ours that read an input of ours and one more dataset."""
    first = {"namespace": "sales", "name": "first"}
    event = {
        "eventType": "COMPLETE",
        "eventTime": "2026-11-01T06:00:00Z",
        "producer": "https://example.org",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": RUN},
        "job": {"namespace": "sales", "name": "dag"},
        "inputs": [first, {"namespace": name[0], "name": name[1], "facets": facets}],
    }
    (item,) = _intake().event(msgspec.json.encode(event), Sender(), may_write_sales).items
    assert isinstance(item, IncomingEvent)
    return item.event


@pytest.mark.parametrize("owners", [OWNERS, NOBODY])
def test_nobody_says_whose_a_dataset_of_another_namespace_is(owners: dict[str, object]) -> None:
    event = _of_dataset(THEIRS, {**owners, "documentation": {"description": "as read"}})
    facts = event.datasets[1]
    assert (facts.owners, sorted(facts.facets)) == (None, ["documentation"])
    assert facts.description == "as read"
    (warning,) = event.warnings
    assert warning.path == "$.inputs[1].facets.ownership"
    assert warning.message == "not taken: this token may not write the namespace 'finance'"


def test_owners_of_a_dataset_in_a_granted_namespace_are_taken() -> None:
    event = _of_dataset(OURS, OWNERS)
    assert event.datasets[1].owners == ("team:sales",)
    assert event.warnings == ()


@pytest.mark.parametrize(("name", "other"), [(OURS, THEIRS), (THEIRS, OURS)])
def test_a_link_needs_the_right_to_both_names(
    name: tuple[str, str], other: tuple[str, str]
) -> None:
    event = _of_dataset(name, _links(other))
    assert event.datasets[1].symlinks == ()
    assert "symlinks" not in event.datasets[1].facets
    assert [warning.path for warning in event.warnings] == ["$.inputs[1].facets.symlinks"]


def test_links_within_granted_namespaces_are_taken() -> None:
    own = ("sales", "orders_v2")
    assert _of_dataset(OURS, _links(own)).datasets[1].symlinks == (EntityName(*own),)
    assert _of_dataset(OURS, _links(own, THEIRS)).datasets[1].symlinks == (EntityName(*own),)
