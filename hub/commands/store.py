"""`trackside store`: move, back up and restore everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from hub.access import LOCAL
from hub.commands.client import live_hub
from hub.commands.common import (
    ConfigFile,
    DatabaseUrl,
    Yes,
    confirm,
    load,
    out,
    progress,
    size,
)
from hub.commands.target import Force, check_target
from hub.main import opened
from hub.settings.masks import mask_url
from hub.store import backup as backups
from hub.store import holds
from hub.store.access import record_action
from hub.store.db import Database
from hub.store.lock import StoreLock
from hub.store.transfer import Header, export_store, import_store

app = typer.Typer(help="Move, back up and restore a store.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="The file.")]


@app.command("export")
def export(
    file: File,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    *,
    force: Force = False,
) -> None:
    """Write everything into one portable archive, as it is at one moment.

    It holds all tables, tokens (as digests) included; a hub may go on working meanwhile. It fits
    either engine of the same release: with `store import` it moves SQLite to PostgreSQL and back.

    trackside store export all.trackside
    """
    part = file.with_name(file.name + ".part")
    settings = load(config, database_url=database_url)
    with opened(settings) as db:
        check_target(file, db, force=force)
        with part.open("wb") as stream, _counting() as (begun, done):
            header = export_store(db, stream, begun=begun, progress=done)
    part.replace(file)
    rows = sum(header.rows.values())
    out.print(f"{rows:,} rows of store version {header.version} in {file} ({_size(file)})")


@app.command("import")
def import_(file: File, config: ConfigFile = None, database_url: DatabaseUrl = None) -> None:
    """Fill a new store from an archive of `store export`.

    The store must be new and no hub may run on it. It begins another life: what was sent and
    launched before is held until confirmed, for another hub may have gone on with it.

    SQLite to PostgreSQL:  trackside store export all.trackside
                           trackside store import all.trackside --database-url postgresql://...
    """
    settings = load(config, database_url=database_url)
    with ExitStack() as stack:
        db = stack.enter_context(opened(settings, new=True))
        stack.enter_context(StoreLock(db).held("import"))
        stream = stack.enter_context(file.open("rb"))
        begun, done = stack.enter_context(_counting())
        header = import_store(db, stream, begun=begun, progress=done)
    rows = sum(header.rows.values())
    out.print(f"{rows:,} rows, counted, are in {mask_url(settings.database_url)}")


@app.command()
def backup(
    file: File,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    *,
    force: Force = False,
) -> None:
    """Copy a SQLite store while its hub works on; for PostgreSQL use pg_dump.

    The copy is a SQLite file of its own, complete as of one moment.

    Each night:  trackside store backup /backup/trackside-$(date +%F).db
    """
    with opened(load(config, database_url=database_url)) as db, progress() as bars:
        check_target(file, db, force=force)
        task = bars.add_task("pages", total=None)
        backups.backup(db, file, lambda done, total: bars.update(task, completed=done, total=total))
    out.print(f"{file} ({_size(file)})")


@app.command()
def restore(
    file: File, config: ConfigFile = None, database_url: DatabaseUrl = None, *, yes: Yes = False
) -> None:
    """Put a backup in the place of a SQLite store; what was there is kept beside it.

    Stop the hub first. What was sent and launched since the backup is unknown, so deliveries and
    launches are held until confirmed.

    trackside store restore /backup/trackside-2026-11-23.db
    """
    settings = load(config, database_url=database_url)
    confirm(f"Put {file} in the place of {mask_url(settings.database_url)}?", yes=yes)
    with opened(settings, new=True) as db, progress() as bars:
        task = bars.add_task("pages", total=None)
        kept = backups.restore(
            db,
            file,
            now=datetime.now(UTC),
            progress=lambda done, total: bars.update(task, completed=done, total=total),
        )
    out.print("restored" + (f"; what was there is {kept}" if kept else ""))


@app.command()
def renew(config: ConfigFile = None, database_url: DatabaseUrl = None) -> None:
    """Say that the store was restored from a backup, after pg_restore.

    Deliveries and launches are held until confirmed, for what was sent and launched since the
    backup is unknown. `store restore` and `store import` do this by themselves.
    """
    with opened(load(config, database_url=database_url)) as db, StoreLock(db).held("renewal"):
        out.print(f"the store's epoch is {backups.renew(db, datetime.now(UTC))}")


@app.command("confirm")
def confirm_(config: ConfigFile = None, database_url: DatabaseUrl = None) -> None:
    """Say that what was held since a restore may leave: deliveries and launches.

    Look before at what waits, and at what was told in the channels since the backup:

    trackside deliveries list --waiting
    trackside store confirm
    """
    settings = load(config, database_url=database_url)
    hub = live_hub(settings)
    if hub is None:
        with opened(settings) as db:
            hold = _confirm(db, datetime.now(UTC))
        ended = "" if hold is None else str(hold.since)
    else:
        with hub:
            told = hub.json("POST", "/api/v1/store/confirm")["hold"]
        ended = "" if told is None else told["since"]
    out.print(f"nothing is held any more (since {ended})" if ended else "nothing was held")


def _confirm(db: Database, now: datetime) -> holds.Hold | None:
    with db.writing() as connection:
        ended = holds.confirm(connection)
        if ended is not None:
            record_action(connection, LOCAL.name, "store_confirmed", ended.why, now=now)
    return ended


@contextmanager
def _counting() -> Iterator[tuple[Callable[[Header], None], Callable[[str, int], None]]]:
    """A bar over all rows: what to call when the archive is known, and with each chunk."""
    with progress() as bars:
        task = bars.add_task("rows", total=None)

        def done(table: str, rows: int) -> None:
            bars.update(task, advance=rows, description=table)

        yield lambda header: bars.update(task, total=sum(header.rows.values())), done


def _size(file: Path) -> str:
    return size(file.stat().st_size)
