"""What keeps a launch back though its condition holds: rates, quiet hours, old partitions, offers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub.model import EntityName, Viewer
from hub.store import offers
from hub.store.access import ensure_team, put_team
from hub.store.db import Database
from hub.store.offers import Terms
from tests.support.triggers import BEGIN, Station

ALL = Viewer(all=True)


@pytest.fixture
def it(db: Database) -> Station:
    return Station(db)


def test_no_more_is_launched_in_an_hour_than_the_rate_lets_through(it: Station) -> None:
    it.subscribe(partitions="identity", limits={"rate": {"launches": 2}})
    for second, day in enumerate(["2026-11-21", "2026-11-22", "2026-11-23"], 1):
        it.updated("a", partition=day)
        it.at(second)
    assert it.partitions() == ["2026-11-21", "2026-11-22"]
    (held,) = it.arrivals(fate="held")
    assert held.reason == "2 launches were asked for within 1 h, of at most 2"
    it.at(3000)
    assert len(it.launches()) == 2
    it.at(3602)
    assert it.partitions()[2:] == ["2026-11-23"]


def test_in_quiet_hours_launches_are_held_until_these_are_over(it: Station) -> None:
    it.subscribe(limits={"quiet": {"from": "00:00", "to": "02:00"}})
    it.updated("a")
    it.at(1)
    it.updated("a")
    it.at(2)
    assert it.fates() == ["held", "held"]
    assert it.arrivals()[0].reason == "quiet hours until 2026-11-24 02:00 UTC"
    it.at(7199)
    assert it.launches() == []
    it.at(7201)
    assert [len(cause) for cause in it.causes()] == [2]


# -- partitions that are old -------------------------------------------------------------------

OLD = [f"2026-10-{day:02}" for day in range(1, 6)]


def test_updates_of_old_partitions_are_launched_each_by_itself(it: Station) -> None:
    it.subscribe()
    for day in OLD:
        it.updated("a", partition=day)
    it.at(1)
    assert [len(cause) for cause in it.causes()] == [1] * 5


def test_updates_of_old_partitions_may_become_one_launch(it: Station) -> None:
    it.subscribe(backfill={"old": "coalesce", "settleS": 60})
    for second, day in enumerate(OLD, 1):
        it.updated("a", partition=day)
        it.at(second)
    it.at(64)
    assert it.launches() == []
    it.at(66)
    assert [len(cause) for cause in it.causes()] == [5]


def test_of_old_partitions_only_the_latest_may_be_launched(it: Station) -> None:
    it.subscribe(partitions="identity", backfill={"old": "latest", "settleS": 60})
    for second, day in enumerate([OLD[4], *OLD[:4]], 1):
        it.updated("a", partition=day)
        it.at(second)
    it.at(100)
    assert it.partitions() == [OLD[4]]
    assert it.fates() == ["launched", *["coalesced"] * 4]
    assert it.arrivals()[1].reason == "of old partitions only the latest: 2026-10-05"


def test_updates_of_old_partitions_may_be_ignored_and_new_ones_are_not(it: Station) -> None:
    it.subscribe(partitions="identity", backfill={"old": "ignore"})
    it.updated("a", partition="2026-10-01")
    it.updated("a", partition="2026-11-23")
    it.at(1)
    assert it.partitions() == ["2026-11-23"]
    one = it.arrivals()[0]
    assert (one.fate, one.reason) == (
        "ignored",
        "its partition is old: it was over 53 days before the update",
    )


# -- offers ------------------------------------------------------------------------------------


def test_what_a_private_team_does_not_offer_is_refused_with_the_reason(it: Station) -> None:
    it.subscribe(team="sales")
    it.updated("a")
    it.at(1)
    assert it.fates() == ["launched"]
    own(it, "db", "a", "secrets")
    it.write(lambda c: put_team(c, "secrets", private=True, now=it.now))
    it.updated("a")
    it.at(2)
    assert it.fates() == ["launched", "refused"]
    assert it.arrivals()[1].reason == "team secrets does not offer the dataset to team sales"


def test_a_dataset_offered_to_some_teams_launches_for_them_alone(it: Station) -> None:
    it.updated("a")
    own(it, "db", "a", "shop")
    it.write(lambda c: ensure_team(c, "shop", now=it.now))
    terms = Terms("teams", ("sales",))
    name = EntityName("db", "a")
    it.write(lambda c: offers.put_offer(c, ALL, name, terms, "ann", it.now))
    it.at(1)
    it.subscribe(team="sales", name="s")
    it.subscribe(team="ads", name="t")
    it.updated("a")
    it.at(2)
    assert (it.fates("s"), it.fates("t")) == (["launched"], ["refused"])


def test_what_is_made_of_the_past_counts_where_it_is_asked_for(it: Station) -> None:
    it.updated("a", partition="2026-11-22")
    it.at(1)
    it.updated("a", partition="2026-11-23")
    it.at(10)
    it.subscribe(partitions="identity", since=(BEGIN + timedelta(seconds=1)).isoformat())
    it.at(11)
    assert it.partitions() == ["2026-11-23"]
    it.updated("a", partition="2026-11-24")
    it.at(12)
    assert it.partitions() == ["2026-11-23", "2026-11-24"]


def own(it: Station, namespace: str, name: str, team: str) -> None:
    """A dataset belongs to a team."""
    event = {
        "eventTime": it.now.isoformat(),
        "producer": "https://example.org/tests",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/DatasetEvent",
        "dataset": {
            "namespace": namespace,
            "name": name,
            "facets": {"ownership": {"owners": [{"name": f"team:{team}", "type": "OWNER"}]}},
        },
    }
    it.hear(event)
