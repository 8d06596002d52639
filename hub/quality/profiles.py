"""How OpenLineage names the connection of a dbt profile, so that all who name a dataset meet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

#: By dbt's type of adapter: the namespace, with the profile's own keys in braces. As in the
#: naming conventions of OpenLineage, and as dbt-ol does it.
NAMESPACES: Final[Mapping[str, str]] = {
    "athena": "awsathena://athena.{region_name}.amazonaws.com",
    "bigquery": "bigquery",
    "clickhouse": "clickhouse://{host}:{port}",
    "databricks": "databricks://{host}",
    "dremio": "dremio://{software_host}:{port}",
    "duckdb": "duckdb://{path}",
    "fabric": "fabric-warehouse://{server}",
    "postgres": "postgres://{host}:{port}",
    "presto": "presto://{host}:{port}",
    "redshift": "redshift://{host}:{port}",
    "snowflake": "snowflake://{account}",
    "spark": "spark://{host}:{port}",
    "sqlserver": "mssql://{server}:{port}",
    "trino": "trino://{host}:{port}",
}
#: Ports of Spark where a profile tells none, by how it is spoken to.
_SPARK: Final = {"thrift": 10001, "http": 443, "odbc": 443}


def namespace_of(profile: Mapping[str, Any]) -> str | None:
    """Of one output of a profile; None where its type is not known, or a part is not told."""
    kind = str(profile.get("type", ""))
    form = NAMESPACES.get(kind)
    if form is None:
        return None
    parts = {key: value for key, value in profile.items() if isinstance(value, str | int)}
    if kind == "spark":
        parts.setdefault("port", _SPARK.get(str(parts.get("method")), 10001))
    elif kind == "snowflake" and "account" in parts:
        parts["account"] = _account(str(parts["account"]))
    elif kind == "fabric" and "port" in parts:
        form += ":{port}"
    try:
        return form.format_map(parts)
    except KeyError:
        return None


def _account(name: str) -> str:
    """An account of an organization as it is; one by its locator with its region and its cloud."""
    first, *rest = name.split(".")
    if "-" in first:
        return first
    region, cloud = [*rest, *("us-west-1", "aws")[len(rest) :]][:2]
    return f"{first}.{region}.{cloud}"
