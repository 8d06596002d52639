"""`trackside doctor`: is all well, and what to do if not."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer
from msgspec import Struct

from hub.commands.client import Client, live_hub
from hub.commands.common import ConfigFile, DatabaseUrl, load, out, size
from hub.errors import TracksideError
from hub.main import opened
from hub.settings import MIB, Settings
from hub.settings.masks import mask_url
from hub.store import health, migrate
from hub.store.access import count_tokens
from hub.store.db import Database, store_file
from hub.store.holds import Hold, find_hold
from hub.store.size import dead_letters, store_bytes

LITTLE_SPACE = 500 * MIB
MUCH_SKEW = timedelta(seconds=5)
SILENT = timedelta(days=1)


class Mark(StrEnum):
    """How a finding looks."""

    GOOD = "[green]ok[/]  "
    NOTE = "[yellow]note[/]"
    BAD = "[red]bad[/] "


class Finding(Struct, frozen=True):
    """What one look told; `hint` says what to do."""

    mark: Mark
    what: str
    told: str
    hint: str = ""


def command(
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    *,
    send: Annotated[
        bool,
        typer.Option("--send", help="Also send one lineage event and look whether it arrives."),
    ] = False,
) -> None:
    """Look whether all is well; exit 1 if something is not, with what to do about it.

    Looks at settings, store, disk, clock, port, tokens, dead letters, and who has sent lately.

    With a round trip of one lineage event:  trackside doctor --send
    """
    settings = load(config, database_url=database_url)
    where = settings.config or "defaults and environment"
    bad = 0
    for finding in _all(settings, str(where), send=send):
        _show(finding)
        bad += finding.mark is Mark.BAD
    if bad:
        raise typer.Exit(1)


def _all(settings: Settings, where: str, *, send: bool) -> Iterator[Finding]:
    yield Finding(Mark.GOOD, "settings", f"{where}: all right")
    yield from _store(settings)
    yield from _hub(settings, send=send)


def _show(finding: Finding) -> None:
    out.print(f"{finding.mark} [bold]{finding.what:12}[/] {_plain(finding.told)}", soft_wrap=True)
    if finding.hint:
        out.print(f"{'':18}{_plain(finding.hint)}", soft_wrap=True)


# -- the store -----------------------------------------------------------------------------------


def _store(settings: Settings) -> Iterator[Finding]:
    file = store_file(settings.database_url)
    if file is not None and not file.exists():
        yield _to_be_made(file)
    else:
        yield from _opened(settings)
    if file is not None:
        yield _space(file)


def _to_be_made(file: Path) -> Finding:
    folder = _nearest_folder(file)
    if os.access(folder, os.W_OK | os.X_OK):
        return Finding(Mark.NOTE, "store", f"{file} is not there yet", "trackside serve makes it")
    told = f"database_url: {file} can't be made: {folder} is read-only for this user"
    return Finding(Mark.BAD, "store", told, "let this user write there, or name a file elsewhere")


def _opened(settings: Settings) -> Iterator[Finding]:
    try:
        with opened(settings) as db:
            yield from _version(db)
            yield from _durable(db)
            yield from _inside(db)
    except TracksideError as error:
        yield Finding(Mark.BAD, "store", str(error))


def _version(db: Database) -> Iterator[Finding]:
    missing, held = migrate.pending(db), migrate.current(db)
    where = mask_url(db.url.render_as_string(hide_password=True))
    if held is None:
        yield Finding(Mark.NOTE, "store", f"{where}: new and empty", "start with trackside serve")
    elif missing:
        told = f"{where}: version {held}, {len(missing)} migrations are pending"
        yield Finding(Mark.BAD, "store", told, "trackside migrate, or restart the hub")
    else:
        yield Finding(Mark.GOOD, "store", f"{where}: version {held}, {size(store_bytes(db))}")


def _durable(db: Database) -> Iterator[Finding]:
    wrong = health.not_durable(db)
    if wrong:
        yield Finding(Mark.BAD, "durability", wrong, "what was answered 201 may be lost in a crash")
    else:
        yield Finding(Mark.GOOD, "durability", "what is answered 201 survives a crash")


def _inside(db: Database) -> Iterator[Finding]:
    if migrate.current(db) is None:
        return
    with db.reading() as connection:
        yield from _hold(find_hold(connection))
        yield _tokens(count_tokens(connection))
        waiting, held = dead_letters(connection)
        senders = health.senders(connection)
    told = f"{waiting:,} wait, {size(held)}"
    if waiting:
        yield Finding(Mark.NOTE, "dead letters", told, "trackside dead-letters list")
    else:
        yield Finding(Mark.GOOD, "dead letters", told)
    yield from _senders(senders, datetime.now(UTC))


def _hold(hold: Hold | None) -> Iterator[Finding]:
    if hold is not None:
        hint = "trackside deliveries list --waiting, then trackside store confirm"
        yield Finding(Mark.BAD, "held", str(hold), hint)


def _tokens(count: int) -> Finding:
    if count:
        return Finding(Mark.GOOD, "tokens", f"{count} were made")
    told = "none: open to everybody on this computer"
    return Finding(Mark.NOTE, "tokens", told, "trackside token create --help")


def _senders(senders: list[tuple[str, datetime | None]], now: datetime) -> Iterator[Finding]:
    if not senders:
        yield Finding(Mark.NOTE, "senders", "nobody has sent anything yet", "docs/quickstart.md")
    for name, last in senders:
        ago = "never" if last is None else f"last heard {last:%Y-%m-%d %H:%M} UTC"
        silent = last is None or now - last > SILENT
        yield Finding(Mark.NOTE if silent else Mark.GOOD, "sender", f"{name}: {ago}")


def _space(file: Path) -> Finding:
    free = shutil.disk_usage(_nearest_folder(file)).free
    told = f"{size(free)} free for {file}"
    if free < LITTLE_SPACE:
        return Finding(
            Mark.BAD, "disk", told, "make room, or shorten retention.* in trackside.yaml"
        )
    return Finding(Mark.GOOD, "disk", told)


def _nearest_folder(file: Path) -> Path:
    """The one that is there."""
    return next(each for each in (file.parent, *file.absolute().parents) if each.exists())


# -- the hub -------------------------------------------------------------------------------------


def _hub(settings: Settings, *, send: bool) -> Iterator[Finding]:
    client = live_hub(settings)
    if client is None and not _taken(settings):
        yield Finding(
            Mark.NOTE, "hub", f"not running; port {settings.port} is free", "trackside serve"
        )
        if send:
            yield Finding(Mark.BAD, "round trip", "there is no hub to send to", "trackside serve")
        return
    with client or Client(f"http://{settings.host}:{settings.port}", None) as asked:
        yield from _running(asked, send=send)


def _running(client: Client, *, send: bool) -> Iterator[Finding]:
    looks: list[Callable[[Client], Finding | None]] = [_ready, _clock, _kafka]
    for look in [*looks, _round_trip] if send else looks:
        try:
            found = look(client)
        except (TracksideError, ValueError, KeyError) as error:
            yield Finding(Mark.BAD, "hub", f"{client.where}: {error}", "is it a Trackside hub?")
            return
        if found is not None:
            yield found


def _ready(client: Client) -> Finding:
    answer = client.ask("GET", "/healthz").json()
    with suppress(TracksideError):
        answer = client.json("GET", "/readyz")
    wrong = {
        name: told for name, told in answer.get("checks", {"hub": "down"}).items() if told != "ok"
    }
    if wrong:
        return Finding(Mark.BAD, "hub", f"{client.where} is not ready: {wrong}", "see its log")
    return Finding(Mark.GOOD, "hub", f"{client.where} is ready")


def _clock(client: Client) -> Finding:
    theirs = parsedate_to_datetime(client.ask("GET", "/healthz").headers["date"])
    skew = abs(theirs - datetime.now(UTC))
    told = f"differs from the hub's by {skew.total_seconds():.0f} s"
    if skew > MUCH_SKEW:
        return Finding(Mark.BAD, "clock", told, "set both by NTP: states are ordered by time")
    return Finding(Mark.GOOD, "clock", told)


def _kafka(client: Client) -> Finding | None:
    """Nothing where no consumer is declared, or the token may not look."""
    answer = client.ask("GET", "/api/v1/kafka")
    consumers = answer.json()["consumers"] if answer.is_success else []
    if not consumers:
        return None
    wrong = {one["name"]: one["trouble"] for one in consumers if one["trouble"]}
    if wrong:
        hint = "the brokers, the settings of kafka in trackside.yaml; docs/how-to/kafka.md"
        return Finding(Mark.BAD, "kafka", f"no progress: {wrong}", hint)
    behind = sum(each["lag"] for one in consumers for each in one["partitions"])
    return Finding(Mark.GOOD, "kafka", f"{behind:,} messages are not in the store yet")


def _round_trip(client: Client) -> Finding:
    began = time.perf_counter()
    run = str(uuid4())
    sent = client.ask("POST", "/api/v1/lineage", json=_event(run))
    if sent.status_code != 201:
        told = f"answered {sent.status_code}: {sent.text[:200]}"
        return Finding(Mark.BAD, "round trip", told, "TRACKSIDE_TOKEN needs ingest and read")
    taken = time.perf_counter() - began
    client.json("GET", f"/api/v1/jobs/runs/{run}")
    return Finding(Mark.GOOD, "round trip", f"recorded in {taken * 1000:.0f} ms, and found again")


def _event(run: str) -> dict[str, Any]:
    return {
        "eventType": "COMPLETE",
        "eventTime": datetime.now(UTC).isoformat(),
        "run": {"runId": run},
        "job": {"namespace": "trackside", "name": "doctor"},
        "inputs": [],
        "outputs": [],
        "producer": "https://github.com/trackside/doctor",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    }


def _taken(settings: Settings) -> bool:
    with suppress(OSError), socket.create_connection((settings.host, settings.port), timeout=2):
        return True
    return False


def _plain(text: str) -> str:
    return text.replace("[", r"\[")
