"""`trackside heartbeats`: jobs that tell of their runs by pinging a URL."""

from __future__ import annotations

import shlex
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer
from rich.markup import escape

from hub.commands.client import Client, hub_at_work
from hub.commands.common import (
    AsJson,
    ConfigFile,
    DatabaseUrl,
    Yes,
    clock,
    confirm,
    err,
    load,
    out,
    print_json,
    rows,
)
from hub.commands.incidents import length_of
from hub.errors import NotFound

app = typer.Typer(help="Jobs that tell of their runs by pinging a URL.", no_args_is_help=True)

#: As Healthchecks recommends it: bounded, repeated, and silent but for errors.
CURL: Final = "curl -fsS -m 10 --retry 5 -o /dev/null"

Namespace = Annotated[str, typer.Option(help="Where its job is.")]
JobName = Annotated[str, typer.Argument(help="What its job is called.", metavar="NAME")]
Number = Annotated[int, typer.Argument(help="Its id, as `list` shows it.", metavar="ID")]


@app.command()
def add(
    name: JobName,
    namespace: Namespace = "heartbeats",
    slug: Annotated[str | None, typer.Option(help="For slug URLs; made of the name.")] = None,
    cron: Annotated[
        str | None, typer.Option(help="When its runs begin, as in '30 3 * * *'.")
    ] = None,
    timezone: Annotated[str, typer.Option(help="Of the cron, as in Europe/Zurich.")] = "UTC",
    every: Annotated[str | None, typer.Option(help="Or how often: 10min, 2h, 1d.")] = None,
    grace: Annotated[
        str | None, typer.Option(help="How much later a run may begin: 5min, 1h.")
    ] = None,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Make a heartbeat and print the line to paste behind a command, this once.

    trackside heartbeats add "nightly backup" --cron "30 3 * * *" --grace 15min
    """
    asked = {
        "namespace": namespace,
        "name": name,
        "slug": slug,
        "cron": cron,
        "timezone": timezone,
        "periodS": length_of(every).total_seconds() if every else None,
        "graceS": length_of(grace).total_seconds() if grace else None,
    }
    told = {field: value for field, value in asked.items() if value is not None}
    with hub_at_work(load(config, database_url=database_url)) as hub:
        made = hub.json("POST", "/api/v1/heartbeats", json=told)
    _show_line(made)


@app.command("list")
def list_(
    config: ConfigFile = None, database_url: DatabaseUrl = None, *, as_json: AsJson = False
) -> None:
    """List heartbeats; no URL can be shown again."""
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = _all(hub)
    if as_json:
        print_json({"heartbeats": told})
        return
    lines = [
        (
            one["id"],
            escape(one["namespace"]),
            escape(one["name"]),
            one["slug"],
            _when(one),
            clock(one["lastPingAt"]),
        )
        for one in told
    ]
    rows(("ID", "NAMESPACE", "NAME", "SLUG", "WHEN", "LAST PING"), lines)


@app.command()
def renew(number: Number, config: ConfigFile = None, database_url: DatabaseUrl = None) -> None:
    """Give a heartbeat another URL and print it; the one before no longer works."""
    with hub_at_work(load(config, database_url=database_url)) as hub:
        made = hub.json("POST", f"/api/v1/heartbeats/{number}/renew")
    _show_line(made)


@app.command()
def remove(
    number: Number, config: ConfigFile = None, database_url: DatabaseUrl = None, *, yes: Yes = False
) -> None:
    """Remove a heartbeat: its URL no longer works. What was recorded of its job stays."""
    with hub_at_work(load(config, database_url=database_url)) as hub:
        one = hub.json("GET", f"/api/v1/heartbeats/{number}")
        confirm(f"Remove the heartbeat of {one['namespace']}: {one['name']}?", yes=yes)
        hub.done("DELETE", f"/api/v1/heartbeats/{number}")
    out.print(f"removed {one['namespace']}: {one['name']}", markup=False)


@app.command()
def key(
    namespace: Annotated[str, typer.Argument(help="Whose heartbeats it pings.")],
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    *,
    drop: Annotated[bool, typer.Option("--drop", help="Drop the key it has.")] = False,
    yes: Yes = False,
) -> None:
    """Make the ping key of a namespace, for URLs with a slug, and print it, this once."""
    with hub_at_work(load(config, database_url=database_url)) as hub:
        held = hub.json("GET", "/api/v1/ping-keys")["pingKeys"]
        there = any(one["namespace"] == namespace for one in held)
        if drop and not there:
            raise NotFound(f"the namespace {namespace!r} has no ping key")
        if there:
            confirm("URLs with the key it has will no longer work. Go on?", yes=yes)
        if drop:
            hub.done("DELETE", f"/api/v1/ping-keys/{quote(namespace, safe='')}")
            out.print("dropped", markup=False)
            return
        made = hub.json("POST", "/api/v1/ping-keys", json={"namespace": namespace})
    err.print("It is shown only now; add ?create=1 to make heartbeats by their first ping.")
    typer.echo(made["url"])


def _all(hub: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        asked = {"cursor": cursor} if cursor else {}
        told = hub.json("GET", "/api/v1/heartbeats", params=asked)
        found += told["heartbeats"]
        cursor = told["nextCursor"]
    return found


def _show_line(made: dict[str, Any]) -> None:
    err.print(
        f"Heartbeat {made['id']} of {escape(made['namespace'])}: {escape(made['name'])}. Its URL "
        "is shown only now.\nAppend to the command, so that each run tells how it ended:"
    )
    typer.echo(f"; {CURL} {shlex.quote(made['url'])}/$?")


def _when(one: dict[str, Any]) -> str:
    if one["cron"] is not None:
        return escape(f"{one['cron']} {one['timezone']}")
    return "learned" if one["periodS"] is None else f"every {one['periodS']:.0f} s"
