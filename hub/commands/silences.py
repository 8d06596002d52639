"""`trackside silences`: what nobody is to hear of for a while."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape

from hub.commands.client import hub_at_work
from hub.commands.common import (
    AsJson,
    ConfigFile,
    DatabaseUrl,
    clock,
    load,
    out,
    print_json,
    rows,
)
from hub.commands.incidents import instant_of, length_of
from hub.errors import BadInput

app = typer.Typer(help="Keep alerts back for a while; what is silenced is watched all the same.",
                  no_args_is_help=True)  # fmt: skip

Number = Annotated[int, typer.Argument(help="Its id, as `list` shows it.", metavar="ID")]


@app.command("list")
def list_(
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    *,
    over: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    as_json: AsJson = False,
) -> None:
    """List silences that hold or will."""
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = hub.json("GET", "/api/v1/silences", params={"all": over})
    if as_json:
        print_json(told)
        return
    lines = [
        (
            one["id"] or "file",
            escape(", ".join(f"{name}={value}" for name, value in one["match"].items())),
            clock(one["startsAt"]),
            clock(one["endsAt"]),
            escape(one["by"]),
            escape(one["why"]),
        )
        for one in told["silences"]
    ]
    rows(("ID", "WHAT", "FROM", "UNTIL", "BY", "WHY"), lines)


@app.command()
def add(
    match: Annotated[
        list[str],
        typer.Argument(help="All of these: job=nightly_*, team=sales, ...", metavar="NAME=VALUE"),
    ],
    length: Annotated[str | None, typer.Option("--for", help="How long: 30min, 2h, 3d.")] = None,
    until: Annotated[
        str | None, typer.Option(help="Until when, in UTC if it tells no zone.")
    ] = None,
    why: Annotated[str, typer.Option("--why", "-m", help="Shown wherever it mutes.")] = "",
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Let nobody hear of new incidents that match; what was told is still resolved.

    trackside silences add namespace=airflow-prod job=nightly_* --for 2h --why "migration"
    """
    if (length is None) == (until is None):
        raise BadInput("--for", length, "either --for or --until")
    ends = instant_of(until, "--until") if until else datetime.now(UTC) + length_of(length or "")
    asked = {"match": dict(map(_pair, match)), "endsAt": ends.isoformat(), "why": why}
    with hub_at_work(load(config, database_url=database_url)) as hub:
        made = hub.json("POST", "/api/v1/silences", json=asked)
    out.print(f"silence {made['id']} holds until {clock(made['endsAt'])}", markup=False)


@app.command()
def end(number: Number, config: ConfigFile = None, database_url: DatabaseUrl = None) -> None:
    """End a silence now: what is still open is told."""
    with hub_at_work(load(config, database_url=database_url)) as hub:
        ended = hub.json("DELETE", f"/api/v1/silences/{number}")
    out.print(f"silence {number} is over since {clock(ended['endsAt'])}", markup=False)


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise BadInput("match", text, "name=value, as in job=nightly_*")
    return name, value
