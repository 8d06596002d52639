"""The dashboards are what Grafana's schemas say, in the classic form and in V2."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from grafana_foundation_sdk.models import (
    dashboard,
    dashboardv2,
    prometheus,
    stat,
    statushistory,
    table,
    timeseries,
)

from dashboards.grafana import v2
from dashboards.provision import boards
from tests.support.grafana_plugins import complaint
from tests.support.grafana_types import complaints

each_board = pytest.mark.parametrize("uid", sorted(boards()))


@each_board
def test_the_classic_form_fits(uid: str) -> None:
    assert complaints(dashboard.Dashboard, dict(boards()[uid])) == []


@each_board
def test_what_panels_and_queries_are_told_fits_their_plug_ins(uid: str) -> None:
    plug_ins = {
        "stat": stat.Options,
        "status-history": statushistory.Options,
        "table": table.Options,
        "timeseries": timeseries.Options,
    }
    for panel in boards()[uid]["panels"]:
        if panel["type"] == "row":
            continue
        assert complaints(plug_ins[panel["type"]], panel["options"]) == [], panel["title"]
        for target in panel["targets"]:
            if "expr" in target:
                assert complaints(prometheus.Dataquery, target) == [], panel["title"]
            else:
                assert complaint(target) == "", panel["title"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"parser": "backends"}, "backends"),
        ({"rootSelector": "runs"}, "rootSelector"),
        ({"columns": [{"selector": "id", "text": "run", "type": "text"}]}, "text"),
        ({"url": None}, "url"),
    ],
)
def test_it_would_find_what_infinity_does_not_know(change: dict[str, Any], told: str) -> None:
    targets = (
        target
        for panel in boards()["trackside-job"]["panels"]
        for target in panel.get("targets", ())
        if "url" in target
    )
    assert told in complaint({**next(targets), **change})


@each_board
def test_v2_fits_and_shows_the_same_panels(uid: str) -> None:
    board = boards()[uid]
    made = v2.resource(board)
    assert (made["metadata"]["name"], made["kind"]) == (uid, "Dashboard")
    assert complaints(dashboardv2.Dashboard, made["spec"]) == []
    shown = [panel for panel in board["panels"] if panel["type"] != "row"]
    told = list(made["spec"]["elements"].values())
    assert [one["spec"]["title"] for one in told] == [panel["title"] for panel in shown]
    for panel, one in zip(shown, told, strict=True):
        asked = [query["spec"]["query"]["spec"] for query in one["spec"]["data"]["spec"]["queries"]]
        assert [_asked(query) for query in asked] == [_asked(one) for one in panel["targets"]]


def _asked(query: Any) -> Any:
    return query.get("expr") or query.get("url") or query["rawSql"]


@each_board
def test_v2_places_each_panel_once_under_its_heading(uid: str) -> None:
    board = boards()[uid]
    rows = v2.spec(board)["layout"]["spec"]["rows"]
    headings = [panel["title"] for panel in board["panels"] if panel["type"] == "row"]
    assert [row["spec"]["title"] for row in rows] == headings
    items = [item["spec"] for row in rows for item in row["spec"]["layout"]["spec"]["items"]]
    placed = [item["element"]["name"] for item in items]
    assert placed == list(v2.spec(board)["elements"])
    assert all(row["spec"]["layout"]["spec"]["items"][0]["spec"]["y"] == 0 for row in rows)


def _unknown(spec: Any) -> None:
    spec["elements"]["panel-1"]["spec"]["colour"] = "red"


def _no_number(spec: Any) -> None:
    spec["layout"]["spec"]["rows"][0]["spec"]["layout"]["spec"]["items"][0]["spec"]["x"] = "0"


def _no_choice(spec: Any) -> None:
    spec["cursorSync"] = "Always"


@pytest.mark.parametrize("spoil", [_unknown, _no_number, _no_choice])
def test_it_would_find_what_does_not_fit(spoil: Callable[[Any], None]) -> None:
    spec = copy.deepcopy(v2.spec(boards()["trackside-overview"]))
    spoil(spec)
    assert complaints(dashboardv2.Dashboard, spec)
