"""Polling an orchestrator: what is seen is durable before the cursor moves, and nothing twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, text

from hub.api.hub import Hub
from hub.errors import Overloaded, Unavailable
from hub.main import writing
from hub.model import EntityName, WatermarkObserved
from hub.polls.poller import PERMANENT_PAUSE_S, Poller, pause_after
from hub.ports import Json, Known, Observed, RunName
from hub.record import Sender
from hub.settings import Settings
from hub.store.declared import DeclaredOrchestrator, put_declared
from hub.store.leases import LeaseLostError, no_fence
from hub.store.orchestrators import get_orchestrator
from hub.store.polls import PollState, poll_state
from tests.support.orchestrators import KIND, scripted
from tests.support.recording import answer, run_event

NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)
RUNNING = run_event("START", 0, 1, namespace="prod", run_facets=answer("running", naturalId="r1"))
WAITING = run_event("OTHER", 0, 2, namespace="prod", run_facets=answer("queued", naturalId="r2"))


@pytest.fixture
def hub(database_url: str, tmp_path: Path) -> Iterator[Hub]:
    settings = Settings.model_validate(
        {
            "database_url": database_url,
            "orchestrators": [
                {
                    "name": "prod-scripted",
                    "kind": KIND,
                    "namespaces": ["prod"],
                    "settings": {"url": "http://localhost"},
                }
            ],
        }
    )
    with scripted(), writing(settings) as hub:
        yield hub


def poll(hub: Hub, *answers: Any, now: datetime = NOW, fence: Any = no_fence) -> bool:
    poller = Poller(hub.fleet, hub.db, hub.writer, hub.intake, hub.metrics)
    with scripted(*answers):
        return poller.poll("prod-scripted", now, fence)


def state_of(hub: Hub) -> PollState:
    with hub.db.reading() as connection:
        state = poll_state(connection, "prod-scripted")
    assert state is not None
    return state


def rows(hub: Hub, statement: str) -> list[tuple]:
    with hub.db.reading() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def test_what_is_seen_is_recorded_as_the_orchestrators_own(hub: Hub) -> None:
    mark = WatermarkObserved(NOW, NOW)
    poll(hub, Observed([RUNNING], [mark], {"page": 1}, requests=3, skew_s=1.5))
    assert rows(
        hub,
        "SELECT o.name, o.kind, o.clock_skew_us, r.natural_id, r.own_state FROM run r "
        "JOIN orchestrator o ON o.id = r.orchestrator_id",
    ) == [("prod-scripted", KIND, 1_500_000, "r1", "running")]
    assert len(rows(hub, "SELECT * FROM watermark")) == 1
    state = state_of(hub)
    # The event, the watermark, and that it answered.
    assert (state.cursor, state.requests, state.events, state.failures) == ({"page": 1}, 3, 3, 0)


def test_the_cursor_is_handed_back_and_a_second_look_records_nothing(hub: Hub) -> None:
    asked: list[Json] = []

    def look(cursor: Json, _: datetime, __: Known) -> Observed:
        asked.append(cursor)
        return Observed([RUNNING], cursor={"page": len(asked)})

    poll(hub, look)
    poll(hub, look)
    assert asked == [{}, {"page": 1}]
    assert rows(hub, "SELECT count(*) FROM lineage_event") == [(1,)]


def test_a_long_read_goes_on_at_once_and_says_how_far_it_is(hub: Hub) -> None:
    assert poll(hub, Observed(cursor={"page": 1}, more=True, progress="100 of 200 runs"))
    assert (state_of(hub).progress, state_of(hub).complete_at) == ("100 of 200 runs", None)
    assert not poll(hub, Observed(cursor={"page": 2}))
    assert state_of(hub).progress == ""
    assert state_of(hub).complete_at is not None


def test_an_orchestrator_that_is_away_is_unknown_and_asked_again_after_growing_pauses(
    hub: Hub,
) -> None:
    health = "SELECT status, detail FROM health WHERE part = 'connection'"
    poll(hub, Observed([RUNNING], cursor={"page": 1}))
    assert rows(hub, health) == [("HEALTHY", None)]
    away = Unavailable("http://localhost can't be reached")
    poll(hub, away, now=NOW + timedelta(seconds=20))
    state = state_of(hub)
    assert (state.failures, state.cursor, state.error) == (1, {"page": 1}, str(away))
    assert rows(hub, health) == [("UNKNOWN", str(away))]
    assert rows(hub, "SELECT state FROM run") == [("RUNNING",)]
    poll(hub, Observed([WAITING]), now=state.next_at - timedelta(seconds=1))
    assert state_of(hub) == state, "it was asked during the pause"
    poll(hub, Observed([WAITING], cursor={"page": 2}), now=state.next_at)
    assert (state_of(hub).failures, state_of(hub).error) == (0, None)
    assert rows(hub, health) == [("HEALTHY", None)]


def test_a_mistake_of_an_adapter_stays_its_own_and_tells_no_value(hub: Hub) -> None:
    poll(hub, KeyError("s3cret"))
    assert state_of(hub).error == f"the adapter '{KIND}' failed: KeyError"


def test_pauses_grow_to_a_bound_and_are_spread() -> None:
    usual = [pause_after(n, permanent=False, chance=0.5) for n in (1, 2, 3, 9, 1000)]
    assert usual == [15, 30, 60, 300, 300]
    assert pause_after(1, permanent=True, chance=0.5) == PERMANENT_PAUSE_S
    assert pause_after(1, permanent=False, chance=0) < pause_after(1, permanent=False, chance=1)


def test_nothing_moves_while_the_store_takes_nothing(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll(hub, Observed(cursor={"page": 1}))
    before = state_of(hub)

    def full(*_: Any) -> Any:
        raise Overloaded("the hub has more to write than it can hold")

    monkeypatch.setattr(hub.writer, "record", full)
    poll(hub, Observed([RUNNING], cursor={"page": 2}))
    assert state_of(hub) == before


def test_whoever_lost_the_lease_moves_no_cursor(hub: Hub) -> None:
    def lost(_: Connection) -> None:
        raise LeaseLostError("it has passed on")

    with suppress(LeaseLostError):
        poll(hub, Observed([RUNNING], cursor={"page": 1}), fence=lost)
    with hub.db.reading() as connection:
        assert poll_state(connection, "prod-scripted") is None
    poll(hub, Observed([RUNNING], cursor={"page": 1}))
    assert rows(hub, "SELECT count(*) FROM lineage_event") == [(1,)]


def test_an_adapter_is_told_what_the_hub_knows(hub: Hub) -> None:
    told: dict[str, Any] = {}

    def look(_: Json, __: datetime, known: Known) -> Observed:
        told["open"] = [run.name.natural_id for run in known.open_runs(10)]
        names = [RunName(EntityName("prod", "load"), natural) for natural in ("r1", "r2", "r3")]
        told["runs"] = {name.natural_id: run.attempt for name, run in known.runs(names).items()}
        return Observed()

    done = run_event("COMPLETE", 5, 2, run_facets=answer("success", naturalId="r2", attempt=3))
    poll(hub, Observed([RUNNING, WAITING]))
    poll(hub, Observed([done]))
    poll(hub, look)
    assert told == {"open": ["r1"], "runs": {"r1": 0, "r2": 3}}


def test_an_adapter_is_told_when_the_latest_attempt_of_a_run_began(hub: Hub) -> None:
    """An adapter finds a clear by it: with the first attempt's start each poll would find one more."""
    told: list[datetime | None] = []

    def look(_: Json, __: datetime, known: Known) -> Observed:
        told.extend(run.started_at for run in known.open_runs(10))
        return Observed()

    first = run_event("FAIL", 5, 1, namespace="prod", run_facets=answer("failed", **_try(1, 0)))
    again = run_event("START", 60, 2, namespace="prod", run_facets=answer("running", **_try(2, 60)))
    poll(hub, Observed([first]))
    poll(hub, Observed([again]))
    poll(hub, look)
    assert told == [datetime.fromisoformat(again["eventTime"])]


def _try(number: int, second: int) -> dict[str, Any]:
    at = run_event("START", second, number)["eventTime"]
    return {"naturalId": "r1", "attempt": number, "startedAt": at}


def test_an_orchestrator_declared_in_the_store_joins_those_of_the_file(hub: Hub) -> None:
    for name, namespaces in (("other", ("sales-*",)), ("prod-scripted", ("hijacked",))):
        declared = DeclaredOrchestrator(
            name=name, kind="engine", namespaces=namespaces, declared_by="eve", declared_at=NOW
        )

        def put(connection: Connection, one: DeclaredOrchestrator = declared) -> None:
            put_declared(connection, one)

        hub.writer.call(put)
    hub.fleet.refresh()
    assert hub.fleet.claim("sales-eu") == ("other", "engine")
    assert hub.fleet.claim("hijacked") is None, "the file's declaration was overwritten"
    assert hub.fleet.claim("prod") == ("prod-scripted", KIND)


def test_disagreements_with_its_senders_are_told_of_the_orchestrator(hub: Hub) -> None:
    pushed = run_event("COMPLETE", 5, 1, namespace="prod", run_facets=answer("x", naturalId="r1"))
    del pushed["run"]["facets"]["trackside_answer"]
    hub.writer.record(hub.intake.event(msgspec.json.encode(pushed), Sender()).items)
    failed = run_event("FAIL", 4, 1, namespace="prod", run_facets=answer("failed", naturalId="r1"))
    poll(hub, Observed([failed]))
    with hub.db.reading() as connection:
        assert get_orchestrator(connection, "prod-scripted").disagreements == 1
    assert rows(hub, "SELECT state FROM run") == [("FAILED",)]
