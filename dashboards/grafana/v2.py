"""Turns a dashboard of the classic schema into a resource of Grafana's V2 (`dashboard.grafana.app/v2`).

A plain translation, as Grafana itself makes it when it reads a classic one: panels become elements, a
heading becomes a row of the layout. What a panel shows stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

Json = dict[str, Any]
Classic = Mapping[str, Any]

_CURSORS: Final = ("Off", "Crosshair", "Tooltip")
_REFRESHES: Final = ("never", "onDashboardLoad", "onTimeRangeChanged")
_SORTS: Final = ("disabled", "alphabeticalAsc")
_NOTHING: Final = {"text": "", "value": ""}


def resource(board: Classic) -> Json:
    """With the folder in which `push` puts them, too."""
    return {
        "apiVersion": "dashboard.grafana.app/v2",
        "kind": "Dashboard",
        "metadata": {
            "name": board["uid"],
            "annotations": {"grafana.app/folder": "trackside"},
        },
        "spec": spec(board),
    }


def spec(board: Classic) -> Json:
    shown = [panel for panel in board["panels"] if panel["type"] != "row"]
    return {
        "title": board["title"],
        "description": board["description"],
        "tags": board["tags"],
        "editable": board["editable"],
        "preload": False,
        "cursorSync": _CURSORS[board["graphTooltip"]],
        "annotations": [_annotation(one) for one in board["annotations"]["list"]],
        "links": board["links"],
        "variables": [_variable(one) for one in board["templating"]["list"]],
        "timeSettings": {
            "from": board["time"]["from"],
            "to": board["time"]["to"],
            "timezone": board["timezone"],
            "autoRefresh": board["refresh"],
            "autoRefreshIntervals": ["30s", "1m", "5m", "15m", "1h"],
            "hideTimepicker": False,
            "fiscalYearStartMonth": board["fiscalYearStartMonth"],
        },
        "elements": {_name(number): _panel(one, number) for number, one in enumerate(shown, 1)},
        "layout": {"kind": "RowsLayout", "spec": {"rows": list(_rows(board["panels"]))}},
    }


def _name(number: int) -> str:
    return f"panel-{number}"


def _rows(panels: list[Classic]) -> Iterator[Json]:
    """A heading holds the panels that follow it; within it they are placed from its own top."""
    items: list[Json] = []
    top = number = 0
    for panel in panels:
        place = panel["gridPos"]
        if panel["type"] == "row":
            top, items = place["y"] + 1, []
            layout = {"kind": "GridLayout", "spec": {"items": items}}
            row = {"title": panel["title"], "collapse": False, "layout": layout}
            yield {"kind": "RowsLayoutRow", "spec": row}
            continue
        number += 1
        element = {"kind": "ElementReference", "name": _name(number)}
        at = {"x": place["x"], "y": place["y"] - top, "width": place["w"], "height": place["h"]}
        items.append({"kind": "GridLayoutItem", "spec": {**at, "element": element}})


def _panel(panel: Classic, number: int) -> Json:
    queries = [
        {
            "kind": "PanelQuery",
            "spec": {"refId": one["refId"], "hidden": False, "query": _query(one)},
        }
        for one in panel["targets"]
    ]
    changes = [
        {"kind": "Transformation", "group": one["id"], "spec": {"options": one["options"]}}
        for one in panel.get("transformations", ())
    ]
    data = {"queries": queries, "transformations": changes, "queryOptions": {}}
    shows = {"options": panel["options"], "fieldConfig": panel["fieldConfig"]}
    return {
        "kind": "Panel",
        "spec": {
            "id": number,
            "title": panel["title"],
            "description": panel["description"],
            "links": [{"title": one["title"], "url": one["url"]} for one in panel["links"]],
            "data": {"kind": "QueryGroup", "spec": data},
            "vizConfig": {
                "kind": "VizConfig",
                "group": panel["type"],
                "version": "",
                "spec": shows,
            },
        },
    }


def _query(target: Classic) -> Json:
    """What asks stands in the spec, whom it asks beside it."""
    asked = {name: one for name, one in target.items() if name not in {"datasource", "refId"}}
    return _asks(target["datasource"], asked)


def _asks(datasource: Classic, asked: Json) -> Json:
    return {
        "kind": "DataQuery",
        "group": datasource["type"],
        "version": "v0",
        "datasource": {"name": datasource["uid"]},
        "spec": asked,
    }


def _annotation(one: Classic) -> Json:
    return {
        "kind": "AnnotationQuery",
        "spec": {
            "name": one["name"],
            "enable": one["enable"],
            "hide": one["hide"],
            "iconColor": one["iconColor"],
            "builtIn": False,
            "query": _asks(one["datasource"], {"expr": one["expr"]}),
            "legacyOptions": {"titleFormat": one["titleFormat"]},
        },
    }


def _variable(one: Classic) -> Json:
    kept = {
        "name": one["name"],
        "label": one["label"],
        "hide": "dontHide",
        "skipUrlSync": one["skipUrlSync"],
        "current": one.get("current", _NOTHING),
    }
    if one["type"] == "textbox":
        told = {"text": one["query"], "value": one["query"]}
        return {"kind": "TextVariable", "spec": kept | {"query": one["query"], "current": told}}
    kept |= {
        "regex": "",
        "options": [],
        "multi": one["multi"],
        "includeAll": one["includeAll"],
        "allowCustomValue": one["allowCustomValue"],
    }
    if one["type"] == "datasource":
        more = {"pluginId": one["query"], "refresh": "onDashboardLoad"}
        return {"kind": "DatasourceVariable", "spec": kept | more}
    more = {
        "query": _asks(one["datasource"], {"query": one["query"], "refId": one["name"]}),
        "definition": one["query"],
        "refresh": _REFRESHES[one["refresh"]],
        "sort": _SORTS[one["sort"]],
        "allValue": one.get("allValue"),
    }
    return {"kind": "QueryVariable", "spec": kept | more}
