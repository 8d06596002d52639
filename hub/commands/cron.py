"""`trackside cron`: crontabs, systemd timers and Kubernetes CronJobs, and what of them is watched."""

from __future__ import annotations

import difflib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import msgspec
import typer
from msgspec import Struct
from rich.markup import escape

from hub.commands.client import Client, hub_at_work
from hub.commands.common import (
    AsJson,
    ConfigFile,
    DatabaseUrl,
    command_name,
    err,
    load,
    out,
    print_json,
    rows,
)
from hub.crontabs import crontab, kubernetes, systemd
from hub.crontabs.entry import Entry
from hub.errors import BadInput, NotFound, Unavailable
from hub.model import EntityName, ScheduleObserved

app = typer.Typer(
    help="Crontabs, systemd timers and CronJobs: watch what they run.", no_args_is_help=True
)

#: The crontab of whoever asks, which only `crontab` itself reads and writes.
OWN: Final = "crontab"
_SYSTEM: Final = Path("/etc/crontab")
_FOLDER: Final = Path("/etc/cron.d")
_TIMERS: Final = Path("/etc/systemd/system")
_BATCH: Final = 500

Sources = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SOURCE]...",
        help="Crontabs, *.timer files, the JSON of `kubectl get cronjobs -A -o json`, - for that on "
        "stdin, or `crontab` for your own. Without any: your own, /etc/crontab, /etc/cron.d and the "
        "timers in /etc/systemd/system.",
    ),
]
Namespace = Annotated[str | None, typer.Option(help="Where the jobs are; else this host's name.")]
Zone = Annotated[str | None, typer.Option("--timezone", help="Of the host, if it can't be seen.")]
AsSystem = Annotated[
    bool, typer.Option("--system", help="Lines name a user, as in /etc/crontab, wherever they are.")
]


class Source(Struct, frozen=True):
    """A place that was read. system: its lines name users; None: it is no crontab."""

    where: str
    entries: list[Entry]
    text: str = ""
    system: bool | None = None


@app.command("import")
def import_(
    sources: Sources = None,
    namespace: Namespace = None,
    zone: Zone = None,
    *,
    system: AsSystem = False,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Tell the hub when the jobs of these are meant to run. Again changes nothing.

    trackside cron import              (this host)
    kubectl get cronjobs -A -o json | trackside cron import -
    """
    found = [one for source in _read(sources, zone, system=system) for one in source.entries]
    now = datetime.now(UTC)
    seen = [
        ScheduleObserved(_job(one, namespace), one.schedule, now) for one in found if one.schedule
    ]
    with hub_at_work(load(config, database_url=database_url)) as hub:
        for start in range(0, len(seen), _BATCH):
            body = msgspec.json.encode(seen[start : start + _BATCH])
            hub.json("POST", "/api/v1/observations", content=body)
    out.print(f"{len(seen)} schedules told")
    for one in found:
        if one.trouble:
            err.print(f"[yellow]left out:[/] {escape(f'{one.where}: {one.trouble}')}")


@app.command()
def diff(
    sources: Sources = None,
    namespace: Namespace = None,
    zone: Zone = None,
    *,
    system: AsSystem = False,
    as_json: AsJson = False,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Show what the hub does not watch: exit 1 if there is anything.

    unknown: its schedule was not told; changed: another one was; unwatched: it never told of a run.
    """
    found = [one for source in _read(sources, zone, system=system) for one in source.entries]
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = _told_schedules(hub)
        jobs = [(one, _job(one, namespace)) for one in found]
        lines = [_line(hub, one, job, told.get(job)) for one, job in jobs]
    if as_json:
        print_json({"entries": lines})
    else:
        titles = ("STATE", "NAMESPACE", "NAME", "WHEN", "WHERE")
        rows(titles, [[escape(str(line[title.lower()])) for title in titles] for line in lines])
    if any(line["state"] != "watched" for line in lines):
        raise typer.Exit(1)


@app.command()
def wrap(
    sources: Sources = None,
    namespace: Namespace = None,
    only: Annotated[list[str] | None, typer.Option(help="A job's name. Repeat; else all.")] = None,
    url: Annotated[str | None, typer.Option(help="The hub, for each line.")] = None,
    token_file: Annotated[str | None, typer.Option(help="Holds its token, for each line.")] = None,
    backups: Annotated[
        Path | None, typer.Option(help="Folder for what was there before.", metavar="FOLDER")
    ] = None,
    *,
    write: Annotated[bool, typer.Option("--write", help="Do it; else it is only shown.")] = False,
    system: AsSystem = False,
) -> None:
    """Put `trackside exec` in front of the commands of crontabs: shown, and done with --write.

    What is wrapped already stays as it is, so that it can be said again and again.
    """
    prefix = [_program(), "exec", "--namespace", namespace or _host()]
    prefix += ["--url", url] if url else []
    prefix += ["--token-file", token_file] if token_file else []
    for source in _read(sources, None, system=system):
        if source.system is None:
            err.print(f"{source.where} is no crontab: put trackside exec into it by hand",
                      markup=False)  # fmt: skip
            continue
        entries = crontab.chosen(source.entries, only or ())
        text = crontab.wrapped(source.text, entries, prefix, system=source.system)
        _show_change(source, text)
        if write and text != source.text:
            kept = _keep(source, backups or _backups())
            _write(source, text)
            out.print(f"{source.where} is changed; as it was: {kept}", markup=False)


# -- what the hub knows ------------------------------------------------------------------------


def _told_schedules(hub: Client) -> dict[EntityName, dict[str, Any]]:
    """What was declared of which job; what is only learned nobody has told."""
    found: dict[EntityName, dict[str, Any]] = {}
    cursor: str | None = ""
    while cursor is not None:
        asked = {"limit": 1000, **({"cursor": cursor} if cursor else {})}
        told = hub.json("GET", "/api/v1/schedules", params=asked)
        for one in told["schedules"]:
            if one["origin"] != "learned":
                found[EntityName(**one["job"])] = one
        cursor = told["nextCursor"]
    return found


def _line(hub: Client, one: Entry, job: EntityName, told: dict[str, Any] | None) -> dict[str, Any]:
    path = f"/api/v1/namespaces/{quote(job.namespace, safe='')}/jobs/{quote(job.name, safe='')}"
    try:
        latest = hub.json("GET", path)["latestRun"]
    except NotFound:
        latest = None
    return {
        "state": _state(one, latest, told),
        "namespace": job.namespace,
        "name": job.name,
        "when": one.trouble if one.schedule is None else one.schedule.expression,
        "where": one.where,
    }


def _state(one: Entry, latest: object, told: dict[str, Any] | None) -> str:
    held = one.schedule
    if held is not None and told is None:
        return "unknown"
    # What the operator's file says goes before the crontab.
    if held is not None and told is not None and told["origin"] != "file":
        mine = (held.kind, held.expression, held.timezone)
        if mine != (told["kind"], told["expression"], told["timezone"]):
            return "changed"
    return "unwatched" if latest is None else "watched"


def _job(one: Entry, namespace: str | None) -> EntityName:
    return EntityName(one.namespace or namespace or _host(), one.name)


# -- where it stands ---------------------------------------------------------------------------


def _read(sources: Sequence[str] | None, zone: str | None, *, system: bool) -> list[Source]:
    host_zone = zone or _zone()
    return [_source(one, host_zone, system=system) for one in sources or _usual()]


def _usual() -> Iterator[str]:
    if shutil.which(OWN):
        yield OWN
    if _SYSTEM.exists():
        yield str(_SYSTEM)
    for folder, pattern in ((_FOLDER, "*"), (_TIMERS, "*.timer")):
        files = sorted(folder.glob(pattern)) if folder.is_dir() else []
        # cron itself passes over what has a dot in its name, as backups have.
        yield from (str(one) for one in files if pattern != "*" or "." not in one.name)


def _source(name: str, zone: str, *, system: bool) -> Source:
    raw = _bytes(name)
    if raw.lstrip()[:1] == b"{":
        try:
            return Source(name, kubernetes.entries_of(raw, name))
        except msgspec.MsgspecError as error:
            raise BadInput(
                name, str(error), "the JSON of kubectl get cronjobs -A -o json"
            ) from None
    text = raw.decode(errors="surrogateescape")
    if name.endswith(".timer"):
        file = Path(name)
        service = file.with_suffix(".service")
        told = service.read_text(errors="replace") if service.exists() else None
        return Source(name, [systemd.entry_of(text, told, file.name, name, zone)])
    named = system or Path(name) == _SYSTEM or Path(name).parent == _FOLDER
    return Source(name, crontab.entries_of(text, name, zone, system=named), text, named)


def _bytes(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    if name == OWN:
        told = subprocess.run([OWN, "-l"], capture_output=True, check=False)  # noqa: S603
        return told.stdout if told.returncode == 0 else b""
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise NotFound(f"{name} can't be read: {error.strerror}") from None


def _host() -> str:
    return os.uname().nodename


def _zone() -> str:
    told = os.environ.get("TZ", "").lstrip(":")
    if told:
        return told
    where = os.path.realpath("/etc/localtime")
    return where.partition("/zoneinfo/")[2] or "UTC"


def _program() -> str:
    """For a crontab, where PATH is short."""
    told = shutil.which(command_name()) or command_name()
    return str(Path(told).absolute()) if "/" in told else told


# -- changing it -------------------------------------------------------------------------------


def _show_change(source: Source, text: str) -> None:
    before, after = source.text.splitlines(), text.splitlines()
    for line in difflib.unified_diff(before, after, source.where, source.where, lineterm="", n=0):
        typer.echo(line.encode(errors="replace").decode())


def _backups() -> Path:
    """Not beside them: cron might run what it finds there."""
    if os.getuid() == 0:
        return Path("/var/backups/trackside")
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "trackside" / "crontabs"


def _keep(source: Source, folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"
    file = folder / f"{source.where.strip('/').replace('/', '_')}.{stamp}"
    file.touch(mode=0o600, exist_ok=False)
    file.write_bytes(source.text.encode(errors="surrogateescape"))
    return file


def _write(source: Source, text: str) -> None:
    raw = text.encode(errors="surrogateescape")
    if source.where == OWN:
        told = subprocess.run([OWN, "-"], input=raw, capture_output=True, check=False)  # noqa: S603
        if told.returncode:
            raise Unavailable(f"crontab refuses it: {told.stderr.decode(errors='replace').strip()}")
        return
    file = Path(os.path.realpath(source.where))
    held = file.stat()
    part = file.with_name(f".{file.name}.part")
    part.write_bytes(raw)
    part.chmod(held.st_mode & 0o7777)
    if os.getuid() == 0:
        os.chown(part, held.st_uid, held.st_gid)
    part.replace(file)
