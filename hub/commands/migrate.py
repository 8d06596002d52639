"""`trackside migrate`: brings the store to this release."""

from __future__ import annotations

from typing import Annotated

import typer

from hub.commands.common import ConfigFile, DatabaseUrl, load, out
from hub.main import opened
from hub.store import migrate


def command(
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Only look; exit 1 if something is pending.")
    ] = False,
) -> None:
    """Bring the store to this release.

    [b]trackside serve[/] does the same when it starts; use this to do it apart, as a step of a
    deployment. It is safe beside running hubs: replicas of the previous release work on.

    Look first:  trackside migrate --check
    """
    with opened(load(config, database_url=database_url)) as db:
        if check:
            missing = migrate.pending(db)
            out.print(f"pending: {', '.join(missing)}" if missing else "nothing is pending")
            raise typer.Exit(1 if missing else 0)
        steps = migrate.migrate(db)
        what = f"applied {', '.join(steps)}" if steps else "nothing was pending"
        out.print(f"{what}; the store is of version {migrate.current(db)}")
