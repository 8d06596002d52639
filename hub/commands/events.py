"""`trackside events`: raw lineage events out of a store and into one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from hub.api.hub import Hub
from hub.commands.client import live_hub
from hub.commands.common import ConfigFile, DatabaseUrl, err, load, out, progress
from hub.commands.ndjson import Resumable, events_of
from hub.commands.sending import batches, send
from hub.commands.target import Force, check_target
from hub.errors import BadInput
from hub.main import opened, writing
from hub.record import Accepted, Sender
from hub.settings import Settings
from hub.store import raw_events
from hub.store.db import Database
from hub.store.raw_events import Window

app = typer.Typer(help="Export and import raw lineage events.", no_args_is_help=True)

#: Hands a batch in and counts what became of each: recorded, known before or refused; a hub that
#: is asked over HTTP doesn't tell the first two apart.
Take = Callable[[Sequence[bytes]], Counter[str]]


@app.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="Where to, as in events.ndjson.zst.")],
    since: Annotated[datetime | None, typer.Option(help="Only from this event time (UTC).")] = None,
    until: Annotated[datetime | None, typer.Option(help="Only before this one (UTC).")] = None,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    *,
    force: Force = False,
) -> None:
    """Write raw lineage events to a file, one JSON object a line, compressed with zstd.

    Any OpenLineage receiver can take them again; secrets were taken out before they were stored.
    A hub may go on working meanwhile. Interrupted, the same command goes on where it was.

    All:        trackside events export events.ndjson.zst
    One month:  trackside events export october.ndjson.zst --since 2026-10-01 --until 2026-11-01
    Look:       zstdcat events.ndjson.zst | head -1
    """
    window = Window(_utc(since), _utc(until))
    with opened(load(config, database_url=database_url)) as db:
        check_target(file, db, force=force)
        target = Resumable(file)
        if target.mark.events:
            err.print(f"going on behind {target.mark.events:,} events that {file}.part has")
        try:
            _export(db, target, window)
        finally:
            target.close()
        target.finish()
    out.print(f"{target.mark.events:,} lineage events in {file}")


@app.command("import")
def import_(
    file: Annotated[str, typer.Argument(help="Plain, .gz or .zst; - for stdin.")],
    skip: Annotated[int, typer.Option(min=0, help="Leave out so many events at first.")] = 0,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Record lineage events from a file, one JSON object a line, as if they were sent.

    What is recorded already is known again and changes nothing, so a file can be imported twice
    and an interrupted import repeated. What can't be understood becomes a dead letter (exit 1).
    A running hub is asked over HTTP: the one in TRACKSIDE_URL, or that which has the SQLite file.

    Here:       trackside events import events.ndjson.zst
    Elsewhere:  TRACKSIDE_URL=https://hub TRACKSIDE_TOKEN=... trackside events import events.ndjson
    """
    events = events_of(file)
    with _taking(load(config, database_url=database_url)) as take:
        counts = _import(islice(events, skip, None), take, skip)
    told = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    out.print(f"{counts.total():,} lineage events: {told or 'nothing to do'}")
    if counts["refused"]:
        err.print("why: trackside dead-letters list")
        raise typer.Exit(1)


def _export(db: Database, target: Resumable, window: Window) -> None:
    rest = Window(window.since, window.until, target.mark.after)
    with db.reading() as connection:
        left = raw_events.count(connection, rest)
    with progress() as bars:
        task = bars.add_task("lineage events", total=left)
        for page in raw_events.pages(db, rest):
            target.write((event.json for event in page), page[-1].id)
            bars.advance(task, len(page))


def _import(events: Iterable[bytes], take: Take, skipped: int) -> Counter[str]:
    counts: Counter[str] = Counter()
    try:
        with progress() as bars:
            task = bars.add_task("lineage events", total=None)
            for batch in batches(events):
                counts += take(batch)
                bars.update(task, completed=counts.total())
    except BaseException:
        done = skipped + counts.total()
        err.print(f"{counts.total():,} events are in; to go on: --skip {done}")
        raise
    return counts


@contextmanager
def _taking(settings: Settings) -> Iterator[Take]:
    client = live_hub(settings)
    if client is not None:
        with client:
            yield lambda batch: send(client, batch)
        return
    with writing(settings, "import") as hub:
        yield lambda batch: _record(hub, batch)


def _record(hub: Hub, batch: Sequence[bytes]) -> Counter[str]:
    reads = [hub.intake.event(line, Sender()) for line in batch]
    items = [item for read in reads for item in read.items]
    outcomes = hub.writer.record(items, sum(map(len, batch)))
    wrong = sum(isinstance(read.error, BadInput) for read in reads)
    accepted = [each for each in outcomes if isinstance(each, Accepted)]
    recorded = sum(each.new for each in accepted) - wrong  # a dead letter is new, too
    known = sum(not each.new for each in accepted)
    refused = len(batch) - recorded - known
    return Counter({"recorded": recorded, "known before": known, "refused": refused})


def _utc(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at
