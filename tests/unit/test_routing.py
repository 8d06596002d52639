"""Who hears of an incident: by the first route that matches, by the team, or nobody, and why."""

from __future__ import annotations

from typing import Any

import pytest

from alerting import notifiers
from alerting.plan import Ownership
from alerting.reading import plan_of
from alerting.routing import Trace, who_hears
from hub.errors import ConfigError
from hub.ports import About
from tests.support.telling import plan

KIND = "keyed-recorder"


def target(name: str, **told: Any) -> dict[str, Any]:
    return {"name": name, "kind": KIND, **told}


TARGETS = [
    target("ops"),
    target("sales-chat", team="sales"),
    target("sales-pager", team="sales", severity="critical"),
    target("audit", team="audit"),
]


def about(**told: Any) -> About:
    usual = {"rule": "failed-run", "kind": "failed_run", "severity": "error"}
    return About(**(usual | told))


def heard(routes: list[dict[str, Any]], it: About, **more: Any) -> list[str]:
    return names(who_hears(plan(targets=TARGETS, routes=routes, **more), it))


def names(trace: Trace) -> list[str]:
    return [name for one in trace.heard for name in one.targets]


def test_without_routes_the_team_hears_and_else_the_targets_that_are_nobodys() -> None:
    teams = {"sales": ["sales-chat", "sales-pager"]}
    assert heard([], about(team="sales"), teams=teams) == ["sales-chat"]
    assert heard([], about(team="sales", severity="critical"), teams=teams) == [
        "sales-chat",
        "sales-pager",
    ]
    assert heard([], about(team="other"), teams=teams) == ["ops"]
    assert heard([], about()) == ["ops"]


def test_what_names_no_team_is_of_the_team_of_its_owner_or_of_its_namespace() -> None:
    ownership = [
        Ownership("sales", owners=("ada@*",)),
        Ownership("audit", namespaces=("prod-*",)),
    ]
    found = plan_of(TARGETS, [], [], {"sales": ["sales-chat"], "audit": ["audit"]}, str, ownership)
    it = about(namespace="prod-eu", owners=("ada@example.com",))
    assert names(who_hears(found, it)) == ["sales-chat"]
    assert names(who_hears(found, about(namespace="prod-eu"))) == ["audit"]
    assert names(who_hears(found, about(namespace="prod-eu", team="other"))) == ["ops"]


def test_the_first_route_that_matches_says_it() -> None:
    routes = [
        {"match": {"namespace": "prod-*"}, "to": "ops"},
        {"match": {}, "to": "sales-chat"},
    ]
    assert heard(routes, about(namespace="prod-eu")) == ["ops"]
    assert heard(routes, about(namespace="test")) == ["sales-chat"]


def test_a_route_that_continues_lets_others_hear_too_and_leaves_the_default_in_place() -> None:
    routes = [{"match": {}, "to": "audit", "continue": True}]
    assert heard(routes, about()) == ["audit", "ops"]
    assert heard([*routes, {"to": ["audit", "sales-chat"]}], about()) == ["audit", "sales-chat"]


def test_children_say_it_more_exactly_and_inherit_the_rest() -> None:
    tree = {
        "match": {"team": "sales"},
        "to": "sales-chat",
        "group_wait_s": 5,
        "routes": [{"match": {"severity": "critical"}, "to": "sales-pager", "repeat_s": 600}],
    }
    found = who_hears(
        plan(targets=TARGETS, routes=[tree]), about(team="sales", severity="critical")
    )
    assert names(found) == ["sales-pager"]
    terms = found.heard[0].terms
    assert (terms.group_wait_s, terms.repeat_s) == (5, 600)
    assert heard([tree], about(team="sales")) == ["sales-chat"]


def test_a_route_that_leaves_it_to_a_team_without_targets_leaves_it_to_everybodys() -> None:
    """A route of the most severe with terms of its own takes nothing away from anybody."""
    routes = [{"match": {"severity": "critical"}, "group_wait_s": 0}]
    teams = {"sales": ["sales-chat"]}
    found = who_hears(
        plan(targets=TARGETS, routes=routes, teams=teams), about(severity="critical", team="new")
    )
    assert names(found) == ["ops"]
    assert "team new has no targets; everybody's hear" in "\n".join(found.lines)
    assert heard(routes, about(severity="critical", team="sales"), teams=teams) == ["sales-chat"]


def test_a_route_to_nobody_ends_it() -> None:
    found = who_hears(plan(targets=TARGETS, routes=[{"to": []}]), about())
    assert names(found) == []
    assert found.lines[-1] == "  nobody: the route says so"


@pytest.mark.parametrize(
    ("match", "takes", "leaves"),
    [
        ({"owner": "ada*"}, {"owners": ("bob", "ada@example.com")}, {"owners": ("bob",)}),
        ({"tag": "tier:gold"}, {"tags": frozenset({"tier", "tier:gold"})}, {}),
        ({"severity": "error"}, {"severity": "critical"}, {"severity": "warning"}),
        ({"job": "nightly_*"}, {"job": "nightly_load"}, {"dataset": "nightly_load"}),
        ({"dataset": "*.orders"}, {"dataset": "db.orders"}, {"job": "db.orders"}),
        ({"orchestrator": "af-*"}, {"orchestrator": "af-prod"}, {"orchestrator": None}),
        ({"kind": "overrun", "team": "x"}, {"kind": "overrun", "team": "x"}, {"kind": "overrun"}),
    ],
)
def test_matchers_are_all_to_be_fulfilled(
    match: dict[str, str], takes: dict[str, Any], leaves: dict[str, Any]
) -> None:
    routes: list[dict[str, Any]] = [{"match": match, "to": "audit"}, {"to": []}]
    assert heard(routes, about(**takes)) == ["audit"]
    assert heard(routes, about(**leaves)) == []


def test_a_target_that_is_down_is_told_to_another() -> None:
    down = about(kind="target_down", rule="target-down", target="ops")
    assert heard([], down) == ["sales-chat"]
    assert heard([{"to": ["ops", "audit"]}], down) == ["audit"]


def test_the_trace_says_why() -> None:
    routes = [{"name": "gold", "match": {"tag": "gold"}, "to": "audit"}]
    found = who_hears(plan(targets=TARGETS, routes=routes), about(team="sales"))
    assert found.lines == [
        "route gold (tag gold): no, tag is none, not gold",
        "no route takes it and team sales has no targets; everybody's hear",
        "  ops: hears",
    ]


def test_every_mistake_is_told_with_its_place() -> None:
    with pytest.raises(ConfigError) as told:
        plan_of(
            [target("a"), target("a"), {"name": "b", "kind": "pigeon"}],
            [{"to": ["nobody"], "match": {"colour": "red"}}, {"name": "x"}, {"name": "x"}],
            [{"match": {}, "ends_at": "soon"}],
            {"sales": ["missing"]},
            lambda *path: ".".join(map(str, path)),
        )
    lines = str(told.value).splitlines()
    assert any("the target 'a' stands more than once" in line for line in lines)
    assert any(line.startswith("targets.2.kind: target 'b' (pigeon)") for line in lines)
    assert any(
        line.startswith("routes.0.match.colour: routes.0.match.colour: no") for line in lines
    )
    assert any("there is no target 'nobody'" in line for line in lines)
    assert any("the route 'x' stands more than once" in line for line in lines)
    assert any("names the target 'missing'" in line for line in lines)
    assert any(line.startswith("silences.0.ends_at") for line in lines)


def test_only_a_kind_that_can_show_changes_is_told_of_them() -> None:
    notifiers.load()
    with pytest.raises(ConfigError, match=r"of changes one of pagerduty, webhook can be told"):
        plan(targets=[target("chat", changes=True)])
    key = {"routing_key": "env:KEY"}
    told = {"name": "p", "kind": "pagerduty", "settings": key}
    assert plan(targets=[told | {"changes": True}]).tells_changes
    assert not plan(targets=[told]).tells_changes


def test_hours_name_a_calendar_that_there_is() -> None:
    hours = {"from": "09:00", "to": "18:00", "calendar": "busines"}
    routes = [{"name": "day", "to": "ops", "routes": [{"name": "in", "hours": hours}]}]
    with pytest.raises(
        ConfigError, match=r"route in: hours: there is no calendar 'busines'; known: business"
    ):
        plan(targets=TARGETS, routes=routes, calendars={"business": lambda _: True})
    right = [{"name": "day", "to": "ops", "hours": hours | {"calendar": "business"}}]
    found = plan(targets=TARGETS, routes=right, calendars={"business": lambda _: True})
    assert found.routes[0].terms.hours[0].declared.calendar == "business"
