"""`trackside advise`: anti-patterns that the metadata shows, and what to do instead."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape

from hub.commands.client import Client, hub_at_work
from hub.commands.common import AsJson, ConfigFile, DatabaseUrl, clock, load, out, print_json

_PAGE = 1000


def command(
    team: Annotated[str | None, typer.Option(help="Only what this team owns.")] = None,
    kind: Annotated[
        str | None, typer.Option(help="Only of this pattern, such as guessed_start.")
    ] = None,
    namespace: Annotated[str | None, typer.Option(help="Only of this namespace.")] = None,
    name: Annotated[str | None, typer.Option(help="Only of this job or dataset.")] = None,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    *,
    dismissed: Annotated[
        bool, typer.Option("--dismissed", help="Instead what somebody does not want to hear.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Name anti-patterns that the metadata shows, with evidence and what to do instead.

    Of the last 30 days, and of nothing that has run fewer than ten times. Nothing is changed.
    """
    asked = {"team": team, "kind": kind, "namespace": namespace, "name": name}
    given: dict[str, Any] = {key: value for key, value in asked.items() if value is not None}
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = _asked(hub, given | {"dismissed": dismissed, "limit": _PAGE})
    if as_json:
        print_json(told)
        return
    for one in told["advice"]:
        _show(one)
    count = len(told["advice"])
    noun = "piece" if count == 1 else "pieces"
    out.print(
        f"{count} {noun} of advice, from what was known at {clock(told['lookedAt'])}"
        if count
        else "Nothing to advise."
    )


def _asked(hub: Client, given: dict[str, Any]) -> dict[str, Any]:
    """The answer with all pages."""
    told: dict[str, Any] = hub.json("GET", "/api/v1/advice", params=given)
    while told["nextCursor"] is not None:
        following = hub.json("GET", "/api/v1/advice", params=given | {"cursor": told["nextCursor"]})
        told = following | {"advice": [*told["advice"], *following["advice"]]}
    return told


def _show(one: dict[str, Any]) -> None:
    about = one["job"] or one["dataset"]
    team = f", team {one['team']}" if one["team"] else ""
    named = escape(f"{about['namespace']}/{about['name']}{team}")
    out.print(f"[bold]{escape(one['title'])}[/] [dim]{one['kind']}[/]", soft_wrap=True)
    out.print(f"[cyan]{named}[/] {escape(one['says'])}", soft_wrap=True)
    for example in one["examples"]:
        out.print(f"  - {escape(example['text'])}", soft_wrap=True)
    out.print(f"[green]Instead:[/] {escape(one['fix'])}", soft_wrap=True)
    if one["yaml"]:
        out.print(one["yaml"].rstrip(), markup=False, soft_wrap=True)
    if one["dismissal"]:
        held = one["dismissal"]
        out.print(f"[dim]dismissed by {escape(held['by'])}: {escape(held['why'])}[/]")
    out.print()
