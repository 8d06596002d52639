"""Writes a dashboard as Grafana 10 to 13 reads it (the classic schema), with Grafana's own SDK."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from grafana_foundation_sdk.builders import common as make
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import prometheus, stat, statushistory, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.grafana.panels import ONE, Board, Listing, Panel, Query

#: Chosen on the dashboard itself, never by a fixed uid.
PROMETHEUS: Final = common.DataSourceRef("prometheus", "${datasource}")
POSTGRES: Final = common.DataSourceRef("grafana-postgresql-datasource", "${store}")
INFINITY: Final = common.DataSourceRef("yesoreyeram-infinity-datasource", "${hub}")

#: What the values of each variable are asked from.
_ASKED_FROM: Final = {
    "job": "label_values(trackside_build_info, job)",
    "instance": 'label_values(trackside_build_info{job=~"$job"}, instance)',
    "team": 'label_values(trackside_objective_ratio{job=~"$job"}, team)',
    "orchestrator": 'label_values(trackside_runs_ended_total{job=~"$job"}, orchestrator)',
    "job_namespace": 'label_values(trackside_job_incidents_open{job=~"$job"}, job_namespace)',
    "job_name": 'label_values(trackside_job_incidents_open{job=~"$job",'
    'job_namespace=~"$job_namespace"}, job_name)',
    "one_namespace": 'label_values(trackside_job_incidents_open{job=~"$job"}, job_namespace)',
    "one_job": 'label_values(trackside_job_incidents_open{job=~"$job",'
    'job_namespace="$one_namespace"}, job_name)',
}
_LABELS: Final = {
    "job": "hub",
    "job_namespace": "namespace",
    "job_name": "job",
    "one_namespace": "listed: namespace",
    "one_job": "listed: job",
}


class InfinityQuery(Dataquery):
    """Asks the hub's API by the plug-in Infinity."""

    def __init__(self, rows: Listing, *, timed: bool) -> None:
        """timed: the first column is an instant."""
        self._rows = rows
        self._types = ["timestamp" if timed else "string", *["string"] * (len(rows.columns) - 1)]

    def to_json(self) -> dict[str, Any]:
        return {
            "datasource": INFINITY,
            "refId": "A",
            "type": "json",
            "parser": "backend",
            "source": "url",
            "format": "table",
            "url": self._rows.path,
            "url_options": {"method": "GET"},
            "root_selector": self._rows.root,
            "columns": [
                {"selector": selector, "text": text, "type": type_}
                for (selector, text), type_ in zip(self._rows.columns, self._types, strict=True)
            ],
        }


class SqlQuery(Dataquery):
    """Asks PostgreSQL by Grafana's own plug-in."""

    def __init__(self, query: str) -> None:
        self._query = query

    def to_json(self) -> dict[str, Any]:
        return {
            "datasource": POSTGRES,
            "refId": "A",
            "format": "table",
            "editorMode": "code",
            "rawQuery": True,
            "rawSql": self._query,
        }


class _Ready(Builder[Any]):
    """What is built already."""

    def __init__(self, made: Any) -> None:
        self._made = made

    def build(self) -> Any:
        return self._made


def written(board: Board) -> str:
    """Its JSON, the same each time."""
    return json.dumps(_board(board).build(), cls=JSONEncoder, sort_keys=True, indent=2) + "\n"


def _board(board: Board) -> build.Dashboard:
    made = (
        build.Dashboard(board.title)
        .uid(board.uid)
        .description(board.description)
        .tags(list(board.tags))
        .readonly()
        .refresh("1m")
        .time(board.since, "now")
        .timezone("browser")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .annotation(_incidents())
        .annotation(_maintenance())
        .link(_others())
        .link(
            build.DashboardLink("The hub").type(dashboard.DashboardLinkType.LINK).url("${hub_url}")
        )
    )
    for variable in _variables(board):
        made = made.with_variable(variable)
    for section in board.sections:
        made = made.with_row(build.Row(section.title))
        for panel in section.panels:
            made = made.with_panel(_panel(panel, board.page))
    return made


def _others() -> build.DashboardLink:
    kind = dashboard.DashboardLinkType.DASHBOARDS
    link = build.DashboardLink("Trackside").type(kind).tags(["trackside"])
    return link.as_dropdown(True).include_vars(True).keep_time(True)  # noqa: FBT003  the SDK's own


def _incidents() -> build.AnnotationQuery:
    """Where incidents opened."""
    opened = 'transition=~"opened|reopened",severity=~"error|critical"'
    made = f'sum by (kind, team) (increase(trackside_incident_transitions_total{{job=~"$job",{opened}}}[$__interval])) > 0'
    query = build.AnnotationQuery().name("Incidents").datasource(PROMETHEUS).expr(made)
    return query.enable(True).icon_color("red").title_format("{{kind}} of {{team}}")  # noqa: FBT003


def _maintenance() -> build.AnnotationQuery:
    """While a maintenance window held."""
    made = 'max by (window) (trackside_maintenance_active{job=~"$job"})'
    query = build.AnnotationQuery().name("Maintenance").datasource(PROMETHEUS).expr(made)
    return query.enable(True).icon_color("blue").title_format("{{window}}")  # noqa: FBT003


def _leads_to(page: str) -> dashboard.DynamicConfigValue:
    """Each value of a column to its own page of the hub."""
    link = {"title": "on the hub", "url": "${hub_url}" + page + "${__value.raw}"}
    return dashboard.DynamicConfigValue("links", [link])


def _variables(board: Board) -> list[Builder[Any]]:
    found: list[Builder[Any]] = [
        build.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
    ]
    if any(panel.rows for panel in board.panels()):
        infinity = build.DatasourceVariable("hub").label("Hub (Infinity)")
        found.append(infinity.type("yesoreyeram-infinity-datasource"))
    if any(panel.sql for panel in board.panels()):
        store = build.DatasourceVariable("store").label("Store (PostgreSQL)")
        found.append(store.type("grafana-postgresql-datasource"))
    found += [_asked(name) for name in ("job", *board.asks)]
    return [
        *found,
        build.TextBoxVariable("hub_url")
        .label("address of the hub")
        .default_value("http://127.0.0.1:8080"),
    ]


def _asked(name: str) -> build.QueryVariable:
    every = dashboard.VariableOption(selected=True, text="All", value="$__all")
    made = build.QueryVariable(name).label(_LABELS.get(name, name)).datasource(PROMETHEUS)
    made = made.query(_ASKED_FROM[name]).refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
    made = made.sort(dashboard.VariableSort.ALPHABETICAL_ASC)
    if name in ONE:
        return made.multi(False).include_all(False)  # noqa: FBT003  the SDK's own
    made = made.multi(True).include_all(True)  # noqa: FBT003
    return made.all_value(".*").current(every)


_KINDS: Final[Mapping[str, Callable[[], Any]]] = {
    "stat": stat.Panel,
    "table": table.Panel,
    "grid": statushistory.Panel,
}


def _panel(panel: Panel, page: str) -> Builder[dashboard.Panel]:
    made: Any = _KINDS.get(panel.kind, timeseries.Panel)()
    made = made.title(panel.title).description(panel.description)
    made = made.span(panel.width).height(panel.height).unit(panel.unit)
    made = made.datasource(_asks(panel)).thresholds(_steps(panel))
    made = (
        made.min(0) if panel.kind == "series" and "budget_left" not in str(panel.queries) else made
    )
    made = made if panel.max is None else made.max(panel.max)
    made = made.mappings([_said(panel.words)]) if panel.words else made
    made = made.mappings([_colored(panel.colors)]) if panel.colors else made
    made = _looks(made, panel)
    link = build.DashboardLink("on the hub").url("${hub_url}" + (panel.link or page))
    made = made.links([link.type(dashboard.DashboardLinkType.LINK)])
    if panel.rows:
        if panel.kind != "grid":
            made = made.override_by_name(panel.rows.columns[0][1], [_leads_to(panel.rows.page)])
        rows = InfinityQuery(panel.rows, timed=panel.kind == "grid")
        return _built(made.with_target(_Ready(rows)))
    if panel.sql:
        made = made.override_by_name(panel.sql.of, [_leads_to(panel.sql.page)])
        return _built(made.with_target(_Ready(SqlQuery(panel.sql.query))))
    for ref, query in zip("ABCDEFGH", panel.queries, strict=False):
        made = made.with_target(_query(query, ref, panel))
    return _built(made)


def _asks(panel: Panel) -> common.DataSourceRef:
    if panel.sql:
        return POSTGRES
    return INFINITY if panel.rows else PROMETHEUS


def _built(made: Any) -> Builder[dashboard.Panel]:
    found: Builder[dashboard.Panel] = made
    return found


def _looks(made: Any, panel: Panel) -> Any:
    if panel.kind == "stat":
        reduced = make.ReduceDataOptions().calcs(["lastNotNull"])
        return made.reduce_options(reduced).graph_mode(common.BigValueGraphMode.NONE)
    if panel.kind == "table":
        return made if panel.rows or panel.sql else made.with_transformation(_without_time())
    if panel.kind == "grid":
        assert panel.rows is not None
        # The hub tells the latest first; along an axis the first comes first.
        made = made.with_transformation(_by_time(panel.rows.columns[0][1]))
        made = made.show_value(common.VisibilityMode.NEVER).row_height(0.9).col_width(0.95)
        return made.fill_opacity(90).legend(make.VizLegendOptions().show_legend(True))  # noqa: FBT003
    made = made.fill_opacity(60 if panel.stacked else 8).line_width(1)
    made = made.show_points(common.VisibilityMode.NEVER)
    legend = make.VizLegendOptions().show_legend(True).placement(common.LegendPlacement.BOTTOM)  # noqa: FBT003
    made = made.legend(legend.display_mode(common.LegendDisplayMode.LIST))
    made = made.tooltip(make.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
    if panel.stacked:
        made = made.stacking(make.StackingConfig().mode(common.StackingMode.NORMAL))
    return made


def _without_time() -> dashboard.DataTransformerConfig:
    hidden = {"Time": True}
    return dashboard.DataTransformerConfig("organize", options={"excludeByName": hidden})


def _by_time(name: str) -> dashboard.DataTransformerConfig:
    return dashboard.DataTransformerConfig(
        "sortBy", options={"fields": {}, "sort": [{"field": name}]}
    )


def _steps(panel: Panel) -> build.ThresholdsConfig:
    steps = [dashboard.Threshold(value, color) for value, color in panel.steps]
    return build.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps)


def _said(words: Sequence[str]) -> dashboard.ValueMap:
    shown = {
        str(value): dashboard.ValueMappingResult(text=word, index=value)
        for value, word in enumerate(words)
    }
    return dashboard.ValueMap(options=shown)


def _colored(colors: Mapping[str, str]) -> dashboard.ValueMap:
    shown = {
        word: dashboard.ValueMappingResult(text=word, color=color, index=place)
        for place, (word, color) in enumerate(colors.items())
    }
    return dashboard.ValueMap(options=shown)


def _query(query: Query, ref: str, panel: Panel) -> prometheus.Dataquery:
    made = prometheus.Dataquery().expr(query.expr).ref_id(ref).datasource(PROMETHEUS)
    if panel.kind == "table":
        return made.format(PromQueryFormat.TABLE).instant()
    if panel.kind == "stat":  # of now: the last one of a range is old when nobody tells it any more
        return made.instant()
    return made.range().legend_format(query.legend or "__auto")
