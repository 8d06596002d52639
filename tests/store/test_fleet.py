"""Which orchestrators there are, whose namespaces are whose, and what is wrong with a declaration."""

from __future__ import annotations

from typing import Any

import pytest

from hub.errors import ConfigError
from hub.polls.fleet import Fleet, check_file
from hub.settings import Settings
from hub.store.db import Database
from tests.support.orchestrators import KIND, scripted


def settings_of(*orchestrators: dict[str, Any]) -> Settings:
    return Settings.model_validate({"orchestrators": orchestrators})


def fleet(db: Database, *orchestrators: dict[str, Any]) -> Fleet:
    return Fleet(settings_of(*orchestrators), db)


def test_a_namespace_belongs_to_who_names_it_before_who_has_a_pattern(db: Database) -> None:
    claim = fleet(
        db,
        {"name": "all", "kind": "airflow", "namespaces": ["sales-*", "*-eu"]},
        {"name": "one", "kind": "dagster", "namespaces": ["sales-eu"]},
    ).claim
    assert claim("sales-eu") == ("one", "dagster")
    assert claim("sales-us") == ("all", "airflow")
    assert claim("salesXeu") is None


def test_one_without_settings_is_not_polled_and_needs_no_adapter(db: Database) -> None:
    members = fleet(db, {"name": "own", "kind": "engine"})
    check_file(settings_of({"name": "own", "kind": "engine"}))
    assert not members.members["own"].is_polled


@pytest.mark.parametrize(
    ("kind", "settings", "told"),
    [
        (KIND, {"url": "http://a", "colour": 1}, "settings.colour: no such setting"),
        (KIND, {"password": "env:PASSWORD"}, "settings.url: Field required"),
        (KIND, {"url": "http://a", "password": "hunter2"}, "expected a reference to a secret"),
        ("airfow", {"url": "http://a"}, "unknown kind of orchestrator 'airfow'"),
    ],
)
def test_wrong_settings_are_told_by_name_and_without_their_secrets(
    kind: str, settings: dict, told: str
) -> None:
    with scripted(), pytest.raises(ConfigError) as caught:
        check_file(settings_of({"name": "x", "kind": kind, "settings": settings}))
    assert told in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_an_adapter_is_kept_and_its_jobs_live_in_the_first_plain_namespace(db: Database) -> None:
    settings = {"url": "http://a"}
    members = fleet(
        db,
        {"name": "a", "kind": KIND, "settings": settings, "namespaces": ["x-*", "jobs"]},
        {"name": "b", "kind": KIND, "settings": settings},
    )
    with scripted():
        first: Any = members.adapter("a")
        other: Any = members.adapter("b")
        again: Any = members.adapter("a")
    assert again is first
    assert (first.asked.namespace, other.asked.namespace) == ("jobs", "b")
