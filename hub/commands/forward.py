"""`trackside forward`: lineage events that are sent on to other consumers."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from hub.commands.client import hub_at_work
from hub.commands.common import (
    AsJson,
    ConfigFile,
    DatabaseUrl,
    Yes,
    clock,
    confirm,
    load,
    out,
    print_json,
    rows,
)

app = typer.Typer(help="Lineage events that are sent on to other consumers.", no_args_is_help=True)

Receiver = Annotated[str, typer.Argument(help="As it is called in trackside.yaml.")]
Number = Annotated[
    int | None, typer.Argument(help="One parked event; all without.", metavar="[ID]")
]


@app.command()
def status(
    config: ConfigFile = None, database_url: DatabaseUrl = None, *, as_json: AsJson = False
) -> None:
    """Show how sending to each receiver goes, what waits and what it did not take."""
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = hub.json("GET", "/api/v1/forward")
    if as_json:
        print_json(told)
        return
    lines = [
        (
            one["name"],
            one["type"],
            f"{one['sent']:,}",
            clock(one["sentAt"]),
            clock(one["waitingSince"]),
            f"{one['parked']:,}",
            f"{one['passedOver']:,}",
            escape(one["error"] or ""),
        )
        for one in told["receivers"]
    ]
    titles = ("NAME", "TYPE", "SENT", "LAST", "WAITING SINCE", "PARKED", "PASSED OVER", "ERROR")
    rows(titles, lines)


@app.command()
def parked(receiver: Receiver, config: ConfigFile = None, database_url: DatabaseUrl = None) -> None:
    """List events that a receiver did not take, and why.

    EVENT is the hub's number of the lineage event: GET /api/v1/events/lineage/EVENT shows it.
    """
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = hub.json("GET", f"/api/v1/forward/{receiver}/parked")
    lines = [
        (one["id"], one["eventId"], clock(one["at"]), "yes" if one["again"] else "",
         escape(one["reason"]))
        for one in told["parked"]
    ]  # fmt: skip
    rows(("ID", "EVENT", "AT", "AGAIN", "WHY"), lines)


@app.command()
def retry(
    receiver: Receiver,
    number: Number = None,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Send what a receiver did not take once more, and don't wait for the end of a pause.

    trackside forward retry warehouse-catalog
    """
    asked = {} if number is None else {"parked": number}
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = hub.json("POST", f"/api/v1/forward/{receiver}/retry", params=asked)
    out.print(f"{told['events']:,} events are sent once more")


@app.command()
def drop(
    receiver: Receiver,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    *,
    yes: Yes = False,
) -> None:
    """Forget what a receiver did not take; the lineage events themselves stay."""
    confirm(f"Forget all that {receiver} did not take?", yes=yes)
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = hub.json("DELETE", f"/api/v1/forward/{receiver}/parked")
    out.print(f"{told['events']:,} events were forgotten")
