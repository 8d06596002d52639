"""`trackside cron`: crontabs, systemd timers and Kubernetes CronJobs, and what of them is watched."""

from __future__ import annotations

import difflib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
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
from hub.crontabs import by_hand, crontab, kubernetes, systemd
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
        "stdin, `crontab` for your own, or `crontab:USER` as root. Without any: your own, /etc/crontab, /etc/cron.d and the "
        "timers in /etc/systemd/system.",
    ),
]
Namespace = Annotated[str | None, typer.Option(help="Where the jobs are; else this host's name.")]
Zone = Annotated[str | None, typer.Option("--timezone", help="Of the host, if it can't be seen.")]
AsSystem = Annotated[
    bool, typer.Option("--system", help="Lines name a user, as in /etc/crontab, wherever they are.")
]


class Source(Struct, frozen=True):
    """A place that was read. system: its lines name users; None: it is no crontab.

    by_hand: of what is no crontab, how each of its entries is wrapped, given how `trackside exec` is called.
    """

    where: str
    entries: list[Entry]
    text: str = ""
    system: bool | None = None
    by_hand: Callable[[Entry, Sequence[str]], str] | None = None


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

    What is wrapped already stays as it is, so that it can be said again and again. Of timers and
    CronJobs it prints the drop-in or the kubectl patch that does it.
    """
    options = ["--url", url] if url else []
    options += ["--token-file", token_file] if token_file else []
    for source in _read(sources, None, system=system):
        entries = crontab.chosen(source.entries, only or ())
        if source.by_hand is not None:
            for one in entries:
                if not one.wrapped:
                    typer.echo(source.by_hand(one, _prefix(one.namespace or namespace, options)))
            continue
        assert source.system is not None
        prefix = _prefix(namespace, options)
        text = crontab.wrapped(source.text, entries, prefix, system=source.system)
        _show_change(source, text)
        if write and text != source.text:
            kept = _keep(source, backups or _backups())
            _write(source, text)
            out.print(f"{source.where} is changed; as it was: {kept}", markup=False)


@app.command()
def restore(
    source: Annotated[str, typer.Argument(help="A crontab that was wrapped, or `crontab`.")],
    backup: Annotated[
        Path | None, typer.Argument(help="What was kept; else the latest of this crontab.")
    ] = None,
    backups: Annotated[
        Path | None, typer.Option(help="Folder that it was kept in.", metavar="FOLDER")
    ] = None,
    *,
    write: Annotated[bool, typer.Option("--write", help="Do it; else it is only shown.")] = False,
) -> None:
    """Put back what stood in a crontab before it was wrapped: shown, and done with --write.

    What stands there now is kept, too, so that this can be taken back the same way.
    """
    folder = backups or _backups()
    kept = backup or _latest(source, folder)
    now = Source(source, [], _bytes(source).decode(errors="surrogateescape"))
    text = _bytes(str(kept)).decode(errors="surrogateescape")
    _show_change(now, text)
    if write and text != now.text:
        before = _keep(now, folder)
        _write(now, text)
        out.print(f"{source} is as in {kept}; as it was: {before}", markup=False)


def _prefix(namespace: str | None, options: Sequence[str]) -> list[str]:
    """How `trackside exec` is called, but for the name."""
    # In a container it is another program than here.
    program = "trackside" if namespace == kubernetes.NAMESPACE else _program()
    return [program, "exec", "--namespace", namespace or _host(), *options]


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
        mine = (held.kind, held.expression, held.timezone, held.timing)
        if mine != (told["kind"], told["expression"], told["timezone"], told["timing"]):
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
            entries, firsts = kubernetes.entries_of(raw, name), kubernetes.containers_of(raw)
            held = {one.name: each for one, each in zip(entries, firsts, strict=True)}
            return Source(
                name,
                entries,
                by_hand=lambda one, prefix: by_hand.patch(one, held[one.name], prefix),
            )
        except msgspec.MsgspecError as error:
            raise BadInput(
                name, str(error), "the JSON of kubectl get cronjobs -A -o json"
            ) from None
    text = raw.decode(errors="surrogateescape")
    if name.endswith(".timer"):
        file = Path(name)
        service = file.with_suffix(".service")
        told = _service(service)
        entry = systemd.entry_of(text, told, file.name, name, zone)
        started = systemd.settings_of(told or "").get("ExecStart", [])
        return Source(
            name,
            [entry],
            by_hand=lambda one, prefix: by_hand.drop_in(one, service.name, started, prefix),
        )
    named = system or Path(name) == _SYSTEM or Path(name).parent == _FOLDER
    return Source(name, crontab.entries_of(text, name, zone, system=named), text, named)


def _bytes(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    if _is_table(name):
        told = subprocess.run([*_table(name), "-l"], capture_output=True, check=False)  # noqa: S603
        if told.returncode and name != OWN and b"no crontab" not in told.stderr:
            why = told.stderr.decode(errors="replace").strip()
            raise NotFound(f"{name} can't be read: {why}")
        return told.stdout if told.returncode == 0 else b""
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise NotFound(f"{name} can't be read: {error.strerror}") from None


def _service(file: Path) -> str | None:
    """With what is written beside it (drop-ins), which holds before it."""
    if not file.exists():
        return None
    drop_ins = sorted(file.with_name(f"{file.name}.d").glob("*.conf"))
    return "\n".join(one.read_text(errors="replace") for one in (file, *drop_ins))


def _is_table(name: str) -> bool:
    """Whether it is kept by `crontab`: one's own, or as root that of a user."""
    return name == OWN or name.startswith(f"{OWN}:")


def _table(name: str) -> list[str]:
    _, sign, user = name.partition(":")
    return [OWN, "-u", user] if sign else [OWN]


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
    file = folder / f"{_kept_as(source.where)}.{stamp}"
    file.touch(mode=0o600, exist_ok=False)
    file.write_bytes(source.text.encode(errors="surrogateescape"))
    return file


def _kept_as(where: str) -> str:
    return where.strip("/").replace("/", "_")


def _latest(where: str, folder: Path) -> Path:
    """What was kept last of a crontab; the end of its name is when."""
    name = re.compile(re.escape(_kept_as(where)) + r"\.\d{8}T\d{6}\.\d{6}")
    found = sorted(one for one in folder.glob("*") if name.fullmatch(one.name))
    if not found:
        raise NotFound(f"nothing of {where} was kept in {folder}")
    return found[-1]


def _write(source: Source, text: str) -> None:
    raw = text.encode(errors="surrogateescape")
    if _is_table(source.where):
        line = [*_table(source.where), "-"]
        told = subprocess.run(line, input=raw, capture_output=True, check=False)  # noqa: S603
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
