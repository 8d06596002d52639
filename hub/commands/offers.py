"""`trackside offers`: to whom a team offers its datasets, who depends on them, which are to end."""

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
    load,
    out,
    print_json,
    rows,
)
from hub.commands.incidents import instant_of
from hub.commands.partitions import namespace_of
from hub.errors import BadInput

app = typer.Typer(
    help="To whom datasets are offered, who depends on them, which are to end.",
    no_args_is_help=True,
)

Dataset = Annotated[str, typer.Argument(help="Its name.", metavar="DATASET")]
Namespace = Annotated[
    str | None, typer.Option(help="Its namespace; found if only one has such a name.")
]
_OFFERED = {
    "public": "to everybody",
    "private": "to its own team alone",
    "usual": "as usual: to everybody, or to its own team alone if that is private",
}


@app.command()
def show(
    dataset: Dataset,
    namespace: Namespace = None,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show to whom a dataset is offered, whether it is to end, and who depends on it."""
    with hub_at_work(load(config, database_url=database_url)) as hub:
        path = _path(hub, dataset, namespace)
        told = hub.json("GET", f"{path}/offer")
        told["subscriptions"] = hub.json("GET", f"{path}/subscriptions")["subscriptions"]
    if as_json:
        print_json(told)
        return
    _say(told)
    lines = [
        (
            escape(one["subscription"] or "(of a private team)"),
            escape(one["team"] or ""),
            escape("/".join(filter(None, (one["orchestrator"], one["job"])))),
            escape(one["condition"] or ""),
            "paused" if one["paused"] else "",
        )
        for one in told["subscriptions"]
    ]
    if lines:
        rows(("SUBSCRIPTION", "TEAM", "LAUNCHES", "WHEN", ""), lines)
    else:
        out.print("no subscription names it", markup=False)


@app.command("set")
def set_(
    dataset: Dataset,
    namespace: Namespace = None,
    to: Annotated[
        list[str] | None, typer.Option("--to", help="A team that may wait for it; repeat it.")
    ] = None,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    *,
    public: Annotated[bool, typer.Option("--public", help="Everybody may wait for it.")] = False,
    private: Annotated[bool, typer.Option("--private", help="Its own team alone may.")] = False,
) -> None:
    """Offer a dataset to everybody, to some teams, or to its own alone.

    trackside offers set shop.orders --to marketing --to finance
    """
    if [bool(to), public, private].count(True) != 1:
        raise BadInput("--to, --public, --private", None, "one of them")
    visibility = "teams" if to else "public" if public else "private"
    asked = {"visibility": visibility, "teams": to or []}
    with hub_at_work(load(config, database_url=database_url)) as hub:
        _say(hub.json("PUT", f"{_path(hub, dataset, namespace)}/offer", json=asked))


@app.command()
def deprecate(
    dataset: Dataset,
    ends: Annotated[str, typer.Option("--ends", help="When it is to end.", metavar="TIME")],
    namespace: Namespace = None,
    text: Annotated[str, typer.Option(help="What its subscribers are to do.")] = "",
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Announce that a dataset is to end; its subscribers see it with their subscriptions.

    trackside offers deprecate shop.orders --ends 2027-01-31 --text "use shop.orders_v2"
    """
    asked = {"endsAt": instant_of(ends, "--ends").isoformat(), "text": text}
    with hub_at_work(load(config, database_url=database_url)) as hub:
        _say(hub.json("PUT", f"{_path(hub, dataset, namespace)}/deprecation", json=asked))


@app.command()
def keep(
    dataset: Dataset,
    namespace: Namespace = None,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Take the announcement back: the dataset stays."""
    with hub_at_work(load(config, database_url=database_url)) as hub:
        _say(hub.json("DELETE", f"{_path(hub, dataset, namespace)}/deprecation"))


def _path(hub: Client, dataset: str, namespace: str | None) -> str:
    space = namespace or namespace_of(hub, dataset, "dataset")
    return f"/api/v1/namespaces/{quote(space, safe='')}/datasets/{quote(dataset, safe='')}"


def _say(told: dict[str, Any]) -> None:
    name = f"{told['dataset']['namespace']}/{told['dataset']['name']}"
    to = _OFFERED.get(told["visibility"]) or "to " + (", ".join(told["teams"]) or "no other team")
    out.print(f"{name} is offered {to}", markup=False)
    if told["deprecatedAt"]:
        more = f": {told['deprecation']}" if told["deprecation"] else ""
        out.print(f"it is to end at {clock(told['deprecatedAt'])}{more}", markup=False)
