"""The dashboards fit the JSON Schemas that Grafana publishes, where a copy of them is at hand.

They are the folder `jsonschema/` of the repository grafana/grafana-foundation-sdk; no package carries
them, so GRAFANA_JSON_SCHEMAS names where a copy lies. The bindings made of the same schemas are
held against every dashboard everywhere (test_dashboards_schema.py).
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from dashboards.grafana import v2
from dashboards.provision import boards

FOLDER = os.environ.get("GRAFANA_JSON_SCHEMAS")
pytestmark = pytest.mark.skipif(
    not FOLDER,
    reason="GRAFANA_JSON_SCHEMAS names no copy of jsonschema/ of grafana/grafana-foundation-sdk",
)

each_board = pytest.mark.parametrize("uid", sorted(boards()))

# Grafana's own definitions say "any" here; their JSON Schema turns that into "an object", and a matcher
# by name, as Grafana itself writes it, has a text.
ANYTHING = [("MatcherConfig", "options"), ("DynamicConfigValue", "value")]


def _complaints(name: str, told: Any, kind: str = "") -> list[str]:
    schema = json.loads((Path(FOLDER or "") / f"{name}.jsonschema.json").read_text())
    for of, field in ANYTHING:
        if of in schema["definitions"]:
            schema["definitions"][of]["properties"][field] = {}
    if kind:
        schema["$ref"] = f"#/definitions/{kind}"
    return [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message}"
        for error in Draft7Validator(schema).iter_errors(told)
    ]


@each_board
def test_the_classic_form_fits(uid: str) -> None:
    assert _complaints("dashboard", boards()[uid]) == []


@each_board
def test_each_panel_fits_and_so_do_its_options_fields_and_queries(uid: str) -> None:
    for panel in boards()[uid]["panels"]:
        if panel["type"] == "row":
            continue
        plug_in = panel["type"].replace("-", "")
        assert _complaints("dashboard", panel, "Panel") == [], panel["title"]
        assert _complaints(plug_in, panel["options"], "Options") == [], panel["title"]
        if panel["type"] != "stat":
            fields = panel["fieldConfig"]["defaults"].get("custom", {})
            assert _complaints(plug_in, fields, "FieldConfig") == [], panel["title"]
        for target in panel["targets"]:
            if "expr" in target:
                assert _complaints("prometheus", target) == [], panel["title"]


@each_board
def test_v2_fits(uid: str) -> None:
    made = v2.spec(boards()[uid])
    assert _complaints("dashboardv2", made) == []
    for element in made["elements"].values():
        assert _complaints("dashboardv2", element, "PanelKind") == []


def _unknown(board: Any) -> None:
    board["panels"][1]["colour"] = "red"


def _no_number(board: Any) -> None:
    board["panels"][1]["gridPos"]["x"] = "0"


def _no_choice(board: Any) -> None:
    board["graphTooltip"] = 7


@pytest.mark.parametrize("spoil", [_unknown, _no_number, _no_choice])
def test_it_would_find_what_does_not_fit(spoil: Callable[[Any], None]) -> None:
    board = copy.deepcopy(boards()["trackside-overview"])
    spoil(board)
    assert _complaints("dashboard", board)
