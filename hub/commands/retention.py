"""`trackside retention`: what is too old to keep."""

from __future__ import annotations

from datetime import UTC, datetime

import typer

from hub.commands.client import live_hub
from hub.commands.common import ConfigFile, DatabaseUrl, load, out, rows
from hub.errors import Conflict
from hub.main import opened, refuse_missing, writing
from hub.store.expired import plan as plan_sweep
from hub.store.sweep import Sweep

app = typer.Typer(help="See and delete what is too old.", no_args_is_help=True)


@app.command()
def plan(config: ConfigFile = None, database_url: DatabaseUrl = None) -> None:
    """Show what the next run would delete, and what is held back for a loop that is behind.

    It counts every old row, which takes its time on a large store; a hub may go on working.
    """
    settings = load(config, database_url=database_url)
    with opened(settings) as db, db.reading() as connection:
        planned = plan_sweep(connection, settings, datetime.now(UTC))
    lines = [
        (each.table, each.days, f"{each.horizon:%Y-%m-%d}", f"{each.rows:,}", each.held_back or "")
        for each in planned
    ]
    rows(("TABLE", "DAYS", "OLDER THAN", "ROWS TO GO", "HELD BACK"), lines)
    out.print("Days are set by retention.* in trackside.yaml (docs/configuration.md).")


@app.command()
def run(
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Delete what is too old now; a running hub does it by itself each hour.

    In short steps, so that nobody waits for it. On PostgreSQL it may run beside the hubs.
    """
    settings = load(config, database_url=database_url)
    if settings.database_url.startswith("sqlite:") and live_hub(settings):
        raise Conflict("a hub is running on this store, and deletes what is too old each hour")
    refuse_missing(settings)
    with writing(settings, "retention") as hub:
        gone = Sweep(hub.db, hub.writer, settings, now=datetime.now(UTC)).run()
    rows(("TABLE", "ROWS DELETED"), [(table, f"{count:,}") for table, count in gone.items()])
