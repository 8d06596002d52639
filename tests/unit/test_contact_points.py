"""Targets become contact points of Grafana, with references to secrets in its own words."""

from __future__ import annotations

import pytest
from grafana_foundation_sdk.models import alerting

from dashboards.contact_points import contact_points
from hub.errors import ConfigError
from tests.support.grafana_types import complaints

TARGETS = [
    {"name": "chat", "kind": "slack", "settings": {"token": "env:SLACK", "channel": "#$data"}},
    {"name": "room", "kind": "slack_webhook", "settings": {"url": "file:/run/room"}},
    {"name": "pager", "kind": "pagerduty", "settings": {"routing_key": "env:PAGER"}},
    {"name": "genie", "kind": "opsgenie", "settings": {"api_key": "env:GENIE"}},
    {"name": "teams", "kind": "teams", "settings": {"url": "env:TEAMS"}},
    {"name": "mail", "kind": "email", "settings": {"to": ["a@b.test", "c@d.test"]}},
    {"name": "am", "kind": "alertmanager", "settings": {"urls": ["http://am:9093"]}},
    {"name": "hook", "kind": "webhook", "settings": {"url": "env:HOOK"}},
    {"name": "vaulted", "kind": "teams", "settings": {"url": "vault:secret/teams#url"}},
]


def test_each_kind_that_grafana_speaks_is_there_and_no_secret_is() -> None:
    made, _ = contact_points(TARGETS)
    told = {
        one["name"].removeprefix("Trackside "): (receiver["type"], receiver["settings"])
        for one in made["contactPoints"]
        for receiver in one["receivers"]
    }
    assert told == {
        "chat": ("slack", {"token": "$__env{SLACK}", "recipient": "#$$data"}),
        "room": ("slack", {"url": "$__file{/run/room}"}),
        "pager": ("pagerduty", {"integrationKey": "$__env{PAGER}"}),
        "genie": (
            "opsgenie",
            {"apiKey": "$__env{GENIE}", "apiUrl": "https://api.opsgenie.com/v2/alerts"},
        ),
        "teams": ("teams", {"url": "$__env{TEAMS}"}),
        "mail": ("email", {"addresses": "a@b.test;c@d.test"}),
        "am": ("prometheus-alertmanager", {"url": "http://am:9093"}),
    }


def test_what_grafana_cant_reach_is_left_out_with_the_reason() -> None:
    _, left_out = contact_points(TARGETS)
    assert left_out == {
        "hook": "Grafana speaks to no target of the kind webhook",
        "vaulted": "Grafana can't read vault: references",
    }


def test_each_fits_the_schema_of_grafana() -> None:
    made, _ = contact_points(one for one in TARGETS if one["kind"] != "alertmanager")
    for one in made["contactPoints"]:
        for receiver in one["receivers"]:
            assert complaints(alerting.ContactPoint, receiver) == []
            assert len(receiver["uid"]) <= 40


def test_a_secret_in_the_place_of_a_reference_is_refused_and_not_repeated() -> None:
    pasted = {"name": "x", "kind": "teams", "settings": {"url": "https://hooks.test/hunter2"}}
    with pytest.raises(ConfigError) as refused:
        contact_points([pasted])
    assert "hunter2" not in str(refused.value)
