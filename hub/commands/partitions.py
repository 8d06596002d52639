"""`trackside partitions`: how the partitions of a dataset or job stand."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.markup import escape

from hub.commands.client import Client, hub_at_work
from hub.commands.common import (
    AsJson,
    ConfigFile,
    DatabaseUrl,
    clock,
    err,
    load,
    out,
    print_json,
    rows,
)
from hub.errors import NotFound
from hub.schedules.grids import PartitionStatus
from hub.schedules.periods import Every

_COLOURS = {
    PartitionStatus.COMPLETE: "green",
    PartitionStatus.FAILED: "red",
    PartitionStatus.RUNNING: "cyan",
    PartitionStatus.MISSING: "yellow",
    PartitionStatus.STALE: "magenta",
}
_PAGE = 1000


def command(
    dataset: Annotated[str, typer.Argument(help="Its name; of a job with --job.")],
    namespace: Annotated[
        str | None, typer.Option(help="Its namespace; found if only one has such a name.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--from", help="Those that begin then or later.", metavar="TIME")
    ] = None,
    to: Annotated[str | None, typer.Option(help="... and before then.", metavar="TIME")] = None,
    status: Annotated[
        list[PartitionStatus] | None, typer.Option(help="Only those that stand so.")
    ] = None,
    every: Annotated[
        Every | None, typer.Option(help="How far they lie apart; learned if not told.")
    ] = None,
    timezone: Annotated[str, typer.Option(help="In which keys are meant.")] = "UTC",
    limit: Annotated[int, typer.Option(min=1, help="Show so many at most.")] = 50,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    *,
    job: Annotated[bool, typer.Option("--job", help="It is a job, not a dataset.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show how the partitions of a dataset stand: complete, failed, running, missing or stale."""
    asked = {"from": since, "to": to, "every": every, "timezone": timezone, "status": status or []}
    given = {key: value for key, value in asked.items() if value is not None}
    with hub_at_work(load(config, database_url=database_url)) as hub:
        kind = "jobs" if job else "datasets"
        space = namespace or namespace_of(hub, dataset, "job" if job else "dataset")
        path = f"/api/v1/namespaces/{quote(space, safe='')}/{kind}/{quote(dataset, safe='')}"
        told = _asked(hub, f"{path}/partitions", given, limit)
    if as_json:
        print_json(told)
        return
    _show(told)


def _asked(hub: Client, path: str, given: dict[str, Any], limit: int) -> dict[str, Any]:
    """The answer with the partitions of all pages up to a limit."""
    told: dict[str, Any] = hub.json("GET", path, params=given | {"limit": min(limit, _PAGE)})
    while told["nextCursor"] is not None and len(told["partitions"]) < limit:
        room = min(limit - len(told["partitions"]), _PAGE)
        asked = given | {"limit": room, "cursor": told["nextCursor"]}
        following = hub.json("GET", path, params=asked)
        told = following | {"partitions": [*told["partitions"], *following["partitions"]]}
    return told


def namespace_of(hub: Client, name: str, kind: str) -> str:
    """Where the only one of that name is. NotFound if there is none, or several."""
    found = hub.json(
        "GET", "/api/v1/search", params={"q": name, "filter": kind.upper(), "limit": 100}
    )
    spaces = sorted({one["namespace"] for one in found["results"] if one["name"] == name})
    if len(spaces) == 1:
        return str(spaces[0])
    told = f"several: {', '.join(spaces)}" if spaces else "none"
    raise NotFound(f"There is not one {kind} '{name}' but {told}; name it by --namespace.")


def _show(told: dict[str, Any]) -> None:
    rows(
        ("PARTITION", "STATUS", "UPDATED", "ROWS", "BY", "WHY"),
        [_line(one) for one in told["partitions"]],
    )
    counts = ", ".join(f"{count:,} {name}" for name, count in told["counts"].items() if count)
    every = f"one every {told['every']}" if told["every"] else "how far apart they lie is not known"
    out.print(f"{counts or 'none'}; {every}")
    if told["nextCursor"] is not None:
        err.print("There are more; see --limit, --from and --to.")


def _line(one: dict[str, Any]) -> tuple[object, ...]:
    run, colour = one["run"], _COLOURS[PartitionStatus(one["status"])]
    by = str(run["job"]["name"]) if run else ""
    if run and run["attempt"]:
        by += f", attempt {run['attempt']}"
    return (
        escape(one["partition"]),
        f"[{colour}]{one['status']}[/]",
        clock(one["updatedAt"]),
        one["rows"],
        escape(by),
        escape(_why(one)),
    )


def _why(one: dict[str, Any]) -> str:
    if one["stale"]:
        newer = one["stale"][0]
        return f"{newer['dataset']['name']} {newer['partition']} came {clock(newer['updatedAt'])}"
    if one["dueAt"]:
        return f"was due by {clock(one['dueAt'])}"
    return str(one["run"]["state"].lower()) if one["status"] == "failed" and one["run"] else ""
