"""`trackside dead-letters`: input that could not be understood, and what to do with it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

import typer

from hub.commands.client import Client, convert, detail, live_hub, named_hub, raise_refusal
from hub.commands.common import (
    ConfigFile,
    DatabaseUrl,
    Yes,
    confirm,
    err,
    hub_url_given,
    load,
    out,
    progress,
    rows,
    size,
)
from hub.errors import Conflict
from hub.main import opened, refuse_missing, writing
from hub.record.replay import replay as replay_letter
from hub.settings import Settings
from hub.store import dead_letters as letters
from hub.store.dead_letters import Letter

app = typer.Typer(help="Look at, replay and drop dead letters.", no_args_is_help=True)

PAGE = 500
MOST = 1000  # of one answer
Numbers = Annotated[list[int] | None, typer.Argument(help="Their ids.", metavar="[ID]...")]
All = Annotated[bool, typer.Option("--all", help="All that were not replayed.")]


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
    """List dead letters: where in the input, what stood there, what should.

    trackside dead-letters list --waiting
    """
    if hub_url_given():
        found, total = _ask_list(limit, waiting=waiting)
    else:
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
    if hub_url_given():
        letter, payload = _ask_letter(number)
    else:
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

    What is still wrong stays a dead letter (exit 1). A running hub is asked over HTTP, and wants
    a token with the scope operate; without one, stop the hub and start it again afterwards.

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
    """Delete dead letters for good, in the store itself; a hub may go on working.

    trackside dead-letters drop 17 18
    """
    if hub_url_given():
        raise Conflict("dead letters are dropped where the store is: without TRACKSIDE_URL")
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
    """The ids of all that wait."""
    if hub_url_given():
        yield from (letter.id for letter in _ask_list(MOST, waiting=True)[0])
        return
    after = 0
    with opened(settings) as db:
        while True:
            with db.reading() as connection:
                page = letters.list_letters(connection, after=after, limit=PAGE, waiting=True)
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
    refuse_missing(settings)
    with writing(settings, "replay") as hub:
        for number in wanted:
            with hub.db.reading() as connection:
                letter, payload = letters.get_letter(connection, number)
            done = replay_letter(hub.intake, hub.writer, letter, payload, now=datetime.now(UTC))
            yield number, done.reason


def _ask_replay(client: Client, number: int) -> str:
    answer = client.ask("POST", f"/api/v1/dead-letters/{number}/replay")
    if answer.status_code == HTTPStatus.CONFLICT:
        return detail(answer)
    return "" if answer.is_success else raise_refusal(client, answer)


def _ask_list(limit: int, *, waiting: bool) -> tuple[list[Letter], int]:
    asked = {"limit": min(limit, MOST), "waiting": waiting}
    with named_hub() as client:
        told = client.json("GET", "/api/v1/dead-letters", params=asked)
    found = [convert(each, Letter) for each in told["deadLetters"]]
    return found, told.get("totalCount") or len(found)


def _ask_letter(number: int) -> tuple[Letter, bytes]:
    with named_hub() as client:
        told = client.json("GET", f"/api/v1/dead-letters/{number}")
    return convert(told["letter"], Letter), told["payload"].encode()


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
