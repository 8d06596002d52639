"""`trackside dead-letters`: input that could not be understood, and what to do with it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from hub.commands.client import Client, detail, live_hub
from hub.commands.common import (
    ConfigFile,
    DatabaseUrl,
    Yes,
    confirm,
    err,
    load,
    out,
    progress,
    rows,
    size,
)
from hub.main import opened, writing
from hub.record.replay import replay as replay_letter
from hub.settings import Settings
from hub.store import dead_letters as letters
from hub.store.dead_letters import Letter

app = typer.Typer(help="Look at, replay and drop dead letters.", no_args_is_help=True)

PAGE = 500
Numbers = Annotated[list[int] | None, typer.Argument(help="Their ids.", metavar="[ID]...")]
All = Annotated[bool, typer.Option("--all", help="All of them.")]


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    *,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="Only those that were not replayed.")
    ] = False,
) -> None:
    """List dead letters, the oldest first: where in the input, what stood there, what should."""
    with opened(load(config, database_url=database_url)) as db, db.reading() as connection:
        found = letters.list_letters(connection, limit=limit, waiting=waiting)
        total = letters.count_letters(connection)
    titles = ("ID", "RECEIVED", "DOOR", "WHERE", "FOUND", "EXPECTED", "SIZE", "REPLAYED")
    rows(titles, [_line(letter) for letter in found])
    if total > len(found):
        out.print(f"... of {total:,}")


@app.command()
def show(number: int, config: ConfigFile = None, database_url: DatabaseUrl = None) -> None:
    """Print what came in, without its secrets, to stdout; what is wrong with it to stderr.

    To mend one by hand and send it again:
    trackside dead-letters show 17 > event.json; edit it; trackside events import event.json
    """
    with opened(load(config, database_url=database_url)) as db, db.reading() as connection:
        letter, payload = letters.get_letter(connection, number)
    err.print(f"{letter.path}: expected {letter.expected}, found {letter.found}", markup=False)
    sys.stdout.buffer.write(payload + b"\n")


@app.command()
def replay(
    numbers: Numbers = None,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    *,
    every: All = False,
) -> None:
    """Hand dead letters in again, after an upgrade or a change has made them understood.

    What is still wrong stays a dead letter (exit 1). A running hub is asked over HTTP.

    trackside dead-letters replay --all
    """
    settings = load(config, database_url=database_url)
    wanted = _wanted(settings, numbers, every=every)
    failed = 0
    with progress() as bars:
        for number, reason in bars.track(
            _replayed(settings, wanted), total=len(wanted), description="dead letters"
        ):
            if reason:
                failed += 1
                err.print(f"{number}: {reason}", markup=False)
    out.print(f"{len(wanted) - failed:,} recorded, {failed:,} still dead")
    if failed:
        raise typer.Exit(1)


@app.command()
def drop(
    numbers: Numbers = None,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    *,
    every: All = False,
    yes: Yes = False,
) -> None:
    """Delete dead letters for good.

    trackside dead-letters drop 17 18
    """
    settings = load(config, database_url=database_url)
    wanted = _wanted(settings, numbers, every=every)
    confirm(f"Delete {len(wanted):,} dead letters for good?", yes=yes)
    with opened(settings) as db:
        gone = 0
        for start in range(0, len(wanted), PAGE):
            page = wanted[start : start + PAGE]
            with db.writing() as connection:
                gone += letters.drop_letters(connection, page)
    out.print(f"{gone:,} deleted")


def _wanted(settings: Settings, numbers: Sequence[int] | None, *, every: bool) -> list[int]:
    if bool(numbers) == every:
        raise typer.BadParameter("name some ids, or say --all")
    return list(numbers or _all(settings))


def _all(settings: Settings) -> Iterator[int]:
    after = 0
    with opened(settings) as db:
        while True:
            with db.reading() as connection:
                page = letters.list_letters(connection, after=after, limit=PAGE)
            yield from (letter.id for letter in page)
            if len(page) < PAGE:
                return
            after = page[-1].id


def _replayed(settings: Settings, wanted: Sequence[int]) -> Iterator[tuple[int, str]]:
    """What became of each: "" or why it is still dead."""
    client = live_hub(settings)
    if client is not None:
        with client:
            yield from ((number, _ask_replay(client, number)) for number in wanted)
        return
    with writing(settings, "replay") as hub:
        for number in wanted:
            with hub.db.reading() as connection:
                letter, payload = letters.get_letter(connection, number)
            done = replay_letter(hub.intake, hub.writer, letter, payload, now=datetime.now(UTC))
            yield number, done.reason


def _ask_replay(client: Client, number: int) -> str:
    answer = client.ask("POST", f"/api/v1/dead-letters/{number}/replay")
    return "" if answer.is_success else detail(answer)


def _line(letter: Letter) -> tuple[object, ...]:
    replayed = f"{letter.replayed_at:%Y-%m-%d %H:%M}" if letter.replayed_at else ""
    return (
        letter.id,
        f"{letter.received_at:%Y-%m-%d %H:%M:%S}",
        letter.door,
        letter.path,
        letter.found,
        letter.expected,
        size(letter.size),
        replayed,
    )
