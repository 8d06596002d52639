"""What two plug-ins of Grafana are asked, of which its Foundation SDK knows no types.

Fields and values as the plug-ins read them: Infinity's `Query`, `URLOptions` and `InfinityColumn`, and
the query of Grafana's own PostgreSQL. Only what our dashboards may use stands here; anything else is refused.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, ValidationError, convert, field


class _Ref(Struct, frozen=True, forbid_unknown_fields=True):
    type: str
    uid: str


class _Options(Struct, frozen=True, forbid_unknown_fields=True):
    method: Literal["GET"]


class _Column(Struct, frozen=True, forbid_unknown_fields=True):
    selector: str
    text: str
    type: Literal["string", "number", "timestamp", "boolean"]


class InfinityQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rows of JSON that a URL answers, cut out on Grafana's side."""

    ref_id: str = field(name="refId")
    datasource: _Ref
    type: Literal["json"]
    parser: Literal["backend"]
    source: Literal["url"]
    format: Literal["table", "timeseries", "dataframe"]
    url: str
    url_options: _Options
    root_selector: str
    columns: list[_Column]


class PostgresQuery(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """SQL as it was written, by the editor for text."""

    ref_id: str
    datasource: _Ref
    format: Literal["table", "time_series"]
    editor_mode: Literal["code"]
    raw_query: bool
    raw_sql: str


KINDS = {
    "yesoreyeram-infinity-datasource": InfinityQuery,
    "grafana-postgresql-datasource": PostgresQuery,
}


def complaint(target: dict[str, Any]) -> str:
    """What is wrong with a query of one of the two; nothing: it is as the plug-in reads it."""
    try:
        convert(target, KINDS[target["datasource"]["type"]])
    except ValidationError as error:
        return str(error)
    return ""
