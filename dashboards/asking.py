"""Asks Prometheus and a hub what the panels of a generated dashboard ask, without a Grafana."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

import httpx

#: What Grafana puts in the place of variables when all values are chosen.
_CHOSEN: Final[Mapping[str, str]] = {
    "job": ".*",
    "team": ".*",
    "orchestrator": ".*",
    "instance": ".*",
    "job_namespace": ".*",
    "job_name": ".*",
    "one_namespace": ".*",
    "one_job": ".*",
    "__rate_interval": "2m",
    "__interval": "1m",
}

#: Of how long what the hub keeps is asked: what is measured may be only minutes old.
_LISTED: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one panel is answered: series of (time, value), or rows. error: why none.

    silent: which of its queries were answered with nothing.
    """

    panel: Mapping[str, Any]
    series: list[tuple[str, list[tuple[float, float]]]] = field(default_factory=list)
    rows: list[Mapping[str, Any]] = field(default_factory=list)
    error: str | None = None
    silent: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        return str(self.panel["title"])

    @property
    def empty(self) -> bool:
        return not self.series and not self.rows


def panels_of(board: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All but the headings."""
    return (panel for panel in board["panels"] if panel["type"] != "row")


def plain(expr: str, chosen: Mapping[str, str] = _CHOSEN) -> str:
    """The expression with values chosen: all, if not told."""
    for name in sorted(chosen, key=len, reverse=True):
        expr = expr.replace(f"${{{name}:percentencode}}", quote(chosen[name], safe=""))
        expr = expr.replace(f"${{{name}:date:iso}}", quote(chosen[name], safe=""))
        expr = expr.replace(f"${name}", chosen[name])
    return expr


def choose(**some: str) -> Mapping[str, str]:
    """All values, but for these variables."""
    return {**_CHOSEN, **some}


@dataclass(frozen=True, slots=True)
class Asking:
    """The addresses, and of which time: seconds since the epoch."""

    prometheus: str
    hub: str
    begin: float
    end: float
    step_s: float = 10.0
    chosen: Mapping[str, str] = field(default_factory=lambda: _CHOSEN)

    def answer(self, panel: Mapping[str, Any]) -> Answer:
        found = Answer(panel)
        for target in panel["targets"]:
            before = len(found.series) + len(found.rows)
            if "rawSql" in target:
                found.silent.append(str(target["refId"]))  # asked by a test of its own
                continue
            if "expr" not in target:
                found.rows.extend(self._rows(target))
            else:
                told = self.ask(target["expr"], instant=bool(target.get("instant")))
                if told["status"] != "success":
                    return Answer(panel, error=str(told.get("error")))
                _fill(found, target, told["data"]["result"])
            if len(found.series) + len(found.rows) == before:
                found.silent.append(str(target["refId"]))
        return found

    def ask(self, expr: str, *, instant: bool) -> Any:
        """What Prometheus says to an expression: its latest value, or those of the whole time."""
        given: dict[str, Any] = {"query": plain(expr, self.chosen)}
        given |= (
            {"time": self.end}
            if instant
            else {"start": self.begin, "end": self.end, "step": self.step_s}
        )
        path = "query" if instant else "query_range"
        return httpx.get(f"{self.prometheus}/api/v1/{path}", params=given, timeout=30).json()

    def _rows(self, target: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        end = datetime.fromtimestamp(self.end, UTC)
        times = {"__from": (end - _LISTED).isoformat(), "__to": end.isoformat()}
        told = (
            httpx.get(self.hub + plain(target["url"], {**self.chosen, **times}), timeout=30)
            .raise_for_status()
            .json()
        )
        for row in told[target["root_selector"]]:
            yield {
                column["text"]: _within(row, str(column["selector"]))
                for column in target["columns"]
            }


def _fill(found: Answer, target: Mapping[str, Any], result: Sequence[Mapping[str, Any]]) -> None:
    for one in result:
        if target.get("format") == "table":
            found.rows.append({**one["metric"], "value": f"{float(one['value'][1]):.6g}"})
            continue
        name = _legend(str(target.get("legendFormat", "")), one["metric"])
        points = one["values"] if "values" in one else [one["value"]]
        found.series.append((name, [(float(at), float(value)) for at, value in points]))


def _within(row: Any, selector: str) -> Any:
    """What a selector like `job.name` finds, as Infinity does."""
    for name in selector.split("."):
        row = None if row is None else row.get(name)
    return row


def _legend(form: str, labels: Mapping[str, str]) -> str:
    if form in {"", "__auto"}:
        return ", ".join(value for name, value in sorted(labels.items()) if name != "__name__")
    for name, value in labels.items():
        form = form.replace("{{" + name + "}}", value)
    return form
