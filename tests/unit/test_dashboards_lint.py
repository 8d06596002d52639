"""The dashboards keep to the rules of Grafana's dashboard-linter, ported; names are its own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import promql_parser as promql
import pytest

from dashboards import GENERATED
from dashboards.asking import panels_of, plain
from dashboards.grafana.panels import ONE
from hub.web.app import ROUTERS

BOARDS = [json.loads(path.read_text()) for path in sorted(GENERATED.glob("*.json"))]
each_board = pytest.mark.parametrize("board", BOARDS, ids=[board["uid"] for board in BOARDS])

#: Rules of the linter that don't hold here, and why.
LEFT_OUT = {
    "target-logql-rule": "no panel asks Loki",
    "target-logql-auto-rule": "as above",
    "template-instance-rule": "figures of the world have no instance of their own: only Hub internals asks",
}


def variables(board: Any) -> dict[str, Any]:
    return {one["name"]: one for one in board["templating"]["list"]}


def targets(board: Any) -> Iterator[tuple[Any, str]]:
    """Every PromQL of a board, with its panel."""
    for panel in panels_of(board):
        yield from ((panel, one["expr"]) for one in panel["targets"] if "expr" in one)


def selectors(node: Any) -> Iterator[Any]:
    """The selectors of an expression."""
    if isinstance(node, promql.VectorSelector):
        yield node
    for name in ("expr", "lhs", "rhs", "vector_selector", "vs"):
        inner = getattr(node, name, None)
        if inner is not None and not isinstance(inner, str):
            yield from selectors(inner)
    for argument in getattr(node, "args", None) or ():
        yield from selectors(argument)


@each_board
def test_template_datasource_rule(board: Any) -> None:
    found = variables(board)["datasource"]
    assert (found["type"], found["query"], found["label"]) == (
        "datasource",
        "prometheus",
        "Prometheus",
    )


@each_board
def test_template_job_rule_and_template_label_promql_rule(board: Any) -> None:
    assert "job" in variables(board)
    for one in variables(board).values():
        if one["type"] == "query":
            asked = re.fullmatch(r"label_values\((.+), (\w+)\)", one["query"])
            assert asked, one["query"]
            promql.parse(plain(asked[1]))
            single = one["name"] in ONE  # by which the hub is asked for one thing
            assert one["multi"] is not single
            assert one["includeAll"] is not single
            assert one.get("allValue") == (None if single else ".*")
            assert one["datasource"]["uid"] == "${datasource}"


@each_board
def test_template_on_time_change_reload_rule(board: Any) -> None:
    asked = [one for one in variables(board).values() if one["type"] == "query"]
    assert {one["refresh"] for one in asked} == {2}


@each_board
def test_panel_datasource_rule_and_panel_title_description_rule(board: Any) -> None:
    for panel in panels_of(board):
        assert panel["datasource"]["uid"] in {"${datasource}", "${hub}", "${store}"}
        assert panel["title"]
        assert panel["description"].endswith((".", "!", "?"))


@each_board
def test_panel_units_rule_and_panel_no_targets_rule(board: Any) -> None:
    for panel in panels_of(board):
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["targets"]


@each_board
def test_target_promql_rule(board: Any) -> None:
    for _, expr in targets(board):
        promql.parse(plain(expr))


@each_board
def test_target_rate_interval_rule(board: Any) -> None:
    for _, expr in targets(board):
        for window in re.findall(r"\brate\([^\[\]]*\[([^\]]+)\]", expr):
            assert window == "$__rate_interval", expr


@each_board
def test_target_job_rule_and_target_instance_rule(board: Any) -> None:
    for _, expr in targets(board):
        for one in selectors(promql.parse(plain(expr))):
            assert f'{one.name}{{job=~"$job"' in expr, expr
    if "instance" in variables(board):
        process = [expr for _, expr in targets(board) if "process_" in expr]
        assert process
        assert all('instance=~"$instance"' in expr for expr in process)


@each_board
def test_target_counter_agg_rule(board: Any) -> None:
    for _, expr in targets(board):
        for found in re.finditer(r"trackside_\w+_total\b", expr):
            before = expr[: found.start()]
            assert re.search(r"(rate|increase)\($", before), expr


@each_board
def test_uneditable_rule(board: Any) -> None:
    assert board["editable"] is False


@each_board
def test_every_dashboard_leads_to_the_others_and_to_the_hub(board: Any) -> None:
    links = {link["title"]: link for link in board["links"]}
    assert links["Trackside"]["tags"] == ["trackside"]
    assert links["The hub"]["url"] == "${hub_url}"
    assert "trackside" in board["tags"]


@each_board
def test_every_panel_and_every_row_leads_to_a_page_of_the_hub(board: Any) -> None:
    there = {str(getattr(one, "path", "")) for router in ROUTERS for one in router.routes}
    for panel in panels_of(board):
        told = [link["url"] for link in panel["links"]]
        assert len(told) == 1, panel["title"]
        rows = [
            (one["matcher"]["options"], link["url"])
            for one in panel["fieldConfig"]["overrides"]
            for value in one["properties"]
            for link in value["value"]
        ]
        if panel["datasource"]["uid"] == "${hub}" and panel["type"] == "table":
            (column, url), *_ = rows
            assert column == panel["targets"][0]["columns"][0]["text"]
            assert url.endswith("=${__value.raw}")
        for url in [*told, *(url for _, url in rows)]:
            assert urlsplit(url.removeprefix("${hub_url}")).path in there, url


@each_board
def test_incidents_and_maintenance_are_marked_over_all_panels(board: Any) -> None:
    marked = {one["name"]: one["expr"] for one in board["annotations"]["list"]}
    assert marked.keys() == {"Incidents", "Maintenance"}
    for expr in marked.values():
        promql.parse(plain(expr))


@each_board
def test_no_panel_lies_on_another_or_beyond_the_edge(board: Any) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
