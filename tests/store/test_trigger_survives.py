"""A trigger loop that crashes, is watched by another, or is edited meanwhile: once per cause."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection

from hub.store.db import Database
from hub.store.leases import no_fence
from hub.triggers import found as keeping
from hub.triggers.round import Trigger
from tests.support.triggers import Station

STEPS = [
    "arrivals.begin_anew",
    "arrivals.put_arrivals",
    "ask",
    "arrivals.decide_arrivals",
    "arrivals.put_stands",
    "subscriptions.settle",
    "save_places",
]


class CrashError(Exception):
    pass


@pytest.fixture
def it(db: Database) -> Station:
    return Station(db)


@pytest.mark.parametrize("step", STEPS)
def test_a_crash_at_any_step_repeats_the_round_with_the_same_result(
    it: Station, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    it.subscribe("all(db/a, db/b)")
    it.updated("a")
    it.updated("b")
    it.updated("a")
    with monkeypatch.context() as patched:
        _crash_after(patched, step)
        with pytest.raises(CrashError):
            it.at(1)
    assert (it.launches(), it.arrivals()) == ([], [])
    it.restart()
    it.at(2)
    assert [len(cause) for cause in it.causes()] == [3]
    assert sorted(it.fates()) == ["coalesced", "launched", "launched"]
    it.restart()
    it.at(3)
    assert len(it.launches()) == 1


def _crash_after(patched: pytest.MonkeyPatch, step: str) -> None:
    holder: Any = keeping
    *path, name = step.split(".")
    for part in path:
        holder = getattr(holder, part)
    real: Callable[..., Any] = getattr(holder, name)

    def crash(*given: Any) -> None:
        real(*given)
        raise CrashError

    patched.setattr(holder, name, crash)


def test_two_replicas_that_both_think_they_hold_the_lease_launch_once(it: Station) -> None:
    other = Trigger(it.db, it.writer)
    it.subscribe()
    it.updated("a")
    it.now = it.now.replace(second=5)
    found: list[Any] = []
    with it.db.reading() as connection:
        found += [it.trigger._find(connection, it.now), other._find(connection, it.now)]
    for one in found:
        it.write(lambda connection, one=one: keeping.keep(connection, one, no_fence))
    assert len(it.launches()) == 1
    assert it.fates() == ["launched"]


def test_a_replica_whose_lease_has_passed_on_keeps_nothing(it: Station) -> None:
    it.subscribe()
    it.updated("a")

    def lost(_: Connection) -> None:
        raise CrashError

    with pytest.raises(CrashError):
        it.trigger.round(it.now, lost)
    assert it.arrivals() == []
    it.at(1)
    assert len(it.launches()) == 1


def test_who_pauses_while_a_round_decides_is_heeded(it: Station) -> None:
    it.subscribe()
    it.updated("a")
    with it.db.reading() as connection:
        found = it.trigger._find(connection, it.now)
    it.pause()
    with pytest.raises(keeping.EditedError):
        it.write(lambda connection: keeping.keep(connection, found, no_fence))
    it.at(1)
    assert (it.launches(), it.fates()) == ([], ["held"])


def test_a_hub_without_subscriptions_passes_over_what_was_before_and_over_nothing_after(
    db: Database,
) -> None:
    it = Station(db)
    it.updated("a")
    it.restart()
    it.subscribe(since="2026-11-24T00:00:00Z")
    it.at(1)
    assert len(it.launches()) == 1
    it.restart()
    it.updated("a")
    it.at(2)
    assert len(it.launches()) == 2


def test_it_costs_nothing_to_look_again_when_nothing_happened(it: Station) -> None:
    it.subscribe("all(db/a, db/b)")
    it.updated("a")
    it.at(1)
    before = it.stands()
    it.at(2)
    it.at(3)
    assert it.stands() == before
