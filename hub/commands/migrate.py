"""`trackside migrate`: brings the store to this release."""

from __future__ import annotations

from typing import Annotated, NoReturn

import typer

from hub.commands.common import ConfigFile, DatabaseUrl, load, out
from hub.main import opened
from hub.settings import Settings
from hub.store import migrate
from hub.store.db import store_file


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
    settings = load(config, database_url=database_url)
    if check:
        _check(settings)
    with opened(settings, new=True) as db:
        steps = migrate.migrate(db)
        what = f"applied {', '.join(steps)}" if steps else "nothing was pending"
        out.print(f"{what}; the store is of version {migrate.current(db)}")


def _check(settings: Settings) -> NoReturn:
    missing = _pending(settings)
    out.print(f"pending: {', '.join(missing)}" if missing else "nothing is pending")
    raise typer.Exit(1 if missing else 0)


def _pending(settings: Settings) -> list[str]:
    """All, where there is no store yet; looking makes none."""
    file = store_file(settings.database_url)
    if file is not None and not file.exists():
        return migrate.versions()
    with opened(settings) as db:
        return migrate.pending(db)
