"""What a dashboard is made of, apart from how Grafana writes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

Step = tuple[float | None, str]
"""A value from which on a colour holds; None: from the beginning."""

#: Few is good, none is bad, and shares of what should be whole.
BAD: Final[Sequence[Step]] = ((None, "green"), (1, "red"))
ODD: Final[Sequence[Step]] = ((None, "green"), (1, "orange"))
PLAIN: Final[Sequence[Step]] = ((None, "blue"),)
DARK: Final[Sequence[Step]] = ((None, "red"), (1, "green"))
LEFT: Final[Sequence[Step]] = ((None, "red"), (0, "orange"), (0.25, "green"))

# What every selector begins with: which hubs, then whose.
J: Final = 'job=~"$job"'
T: Final = f'{J},team=~"$team"'
O: Final = f'{J},orchestrator=~"$orchestrator"'  # noqa: E741  as T and J
OT: Final = f'{O},team=~"$team"'
I: Final = f'{J},instance=~"$instance"'  # noqa: E741  as above
JOB: Final = f'{OT},job_namespace=~"$job_namespace",job_name=~"$job_name"'

#: Variables with one value: of what the hub is asked by its path.
ONE: Final = ("one_namespace", "one_job")
OF_ONE_JOB: Final = (
    "/api/v1/namespaces/${one_namespace:percentencode}/jobs/${one_job:percentencode}"
)

# What holds while the world is measured, and while a replica is scraped.
_MEASURED: Final = f'max(trackside_lease_held{{{J},loop="figures"}} == 1)'
_SCRAPED: Final = f"max(trackside_build_info{{{I}}})"


def measured(expr: str) -> str:
    """Of the world: 0 where it tells nothing, but only while somebody measures. Else no data: a
    zero that nobody has seen would be taken for good news.
    """
    return f"{expr} or 0 * {_MEASURED}"


def scraped(expr: str) -> str:
    """Of the process: 0 where it tells nothing, but only while it is scraped."""
    return f"{expr} or 0 * {_SCRAPED}"


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL, and what a series is called."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """Rows that the hub's API answers: the path, the list in the answer, and its columns.

    page: of the hub, of one row; its path up to the value of the first column.
    """

    path: str
    root: str
    columns: Sequence[tuple[str, str]]
    page: str


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of the hub's PostgreSQL. page: of the hub, of one row, up to the value of `of`."""

    query: str
    of: str
    page: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture. `width` of 24. max: of the axis. `rows` from the hub, or `sql` of its store,
    stand in the place of queries.

    words: what 0, 1, ... are shown as. colors: of the texts that a grid shows.
    """

    title: str
    description: str
    queries: Sequence[Query] = ()
    kind: Literal["stat", "series", "table", "bars", "grid"] = "series"
    unit: str = "short"
    width: int = 8
    height: int = 8
    steps: Sequence[Step] = PLAIN
    stacked: bool = False
    max: float | None = None
    words: Sequence[str] = ()
    colors: Mapping[str, str] = field(default_factory=dict)
    rows: Listing | None = None
    sql: Rows | None = None
    link: str | None = None  # to a page of the hub; its path


@dataclass(frozen=True, slots=True)
class Section:
    """A row of panels under a heading."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard. `asks`: by which variables it can be narrowed, besides the hubs.

    page: of the hub, of the same things; where panels lead that name none of their own.
    """

    uid: str
    title: str
    description: str
    sections: Sequence[Section]
    page: str
    asks: Sequence[str] = ("team",)
    since: str = "now-24h"
    tags: Sequence[str] = field(default=("trackside",))

    def panels(self) -> list[Panel]:
        return [panel for section in self.sections for panel in section.panels]


def stat(title: str, description: str, expr: str, **more: object) -> Panel:
    """A number."""
    told: dict[str, object] = {"width": 4, "height": 4} | more
    return Panel(title, description, (Query(expr),), kind="stat", **told)  # type: ignore[arg-type]


def series(title: str, description: str, *queries: tuple[str, str], **more: object) -> Panel:
    """Lines over time: expressions, each with what its series are called."""
    asked = tuple(Query(expr, legend) for expr, legend in queries)
    return Panel(title, description, asked, **more)  # type: ignore[arg-type]


def table(title: str, description: str, *queries: tuple[str, str], **more: object) -> Panel:
    """The latest values, one row per series."""
    asked = tuple(Query(expr, legend) for expr, legend in queries)
    return Panel(title, description, asked, kind="table", **more)  # type: ignore[arg-type]


def listing(
    title: str,
    description: str,
    path: str,
    root: str,
    columns: Sequence[tuple[str, str]],
    *,
    page: str,
    **more: object,
) -> Panel:
    """Rows of the hub's own API."""
    told: dict[str, object] = {"width": 24, "height": 9} | more
    rows = Listing(path, root, columns, page)
    return Panel(title, description, kind="table", rows=rows, **told)  # type: ignore[arg-type]


def grid(
    title: str,
    description: str,
    path: str,
    root: str,
    columns: Sequence[tuple[str, str]],
    colors: Mapping[str, str],
    *,
    page: str,
    **more: object,
) -> Panel:
    """Rows of the hub's own API as cells along the time that the first column tells; each of the
    others is a line of cells.
    """
    told: dict[str, object] = {"width": 24, "height": 5, "link": page} | more
    rows = Listing(path, root, columns, page)
    return Panel(title, description, kind="grid", rows=rows, colors=colors, **told)  # type: ignore[arg-type]


def stored(
    title: str, description: str, query: str, of: str, *, page: str, **more: object
) -> Panel:
    """Rows of the hub's PostgreSQL."""
    told: dict[str, object] = {"width": 24, "height": 9} | more
    return Panel(title, description, kind="table", sql=Rows(query, of, page), **told)  # type: ignore[arg-type]
