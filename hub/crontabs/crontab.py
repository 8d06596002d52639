"""Crontabs, of users and of the system, and the wrapping of their lines."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from msgspec import Struct

from hub.crontabs.entry import Entry, told_apart
from hub.crontabs.naming import name_of
from hub.model import Schedule
from hub.schedules.cron import is_cron
from hub.schedules.zones import zone_of
from hub.wrap.options import Wrong, read_options

_SPECIAL: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_SETTING: Final = re.compile(r"\s*([A-Za-z_]\w*|\"[^\"]+\"|'[^']+')\s*=\s*(.*?)\s*")
_TIMES: Final = r"(?P<head>\s*-?(?P<when>@[a-z]+|\S+\s+\S+\s+\S+\s+\S+\s+\S+)\s+)"
_OF_USER: Final = re.compile(rf"{_TIMES}(?P<command>\S.*)")
_OF_SYSTEM: Final = re.compile(rf"{_TIMES}(?P<user>\S+\s+)(?P<command>\S.*)")
#: What a command may hold that needs no shell.
_PLAIN: Final = re.compile(r"[\w@+=:,./ -]+", re.ASCII)
_PERCENT: Final = re.compile(r"(?<!\\)%")


class Line(Struct, frozen=True):
    """A line that runs something. head: all before the command."""

    number: int
    head: str
    when: str
    command: str
    shell: str
    zone: str | None


def lines_of(text: str, *, system: bool) -> Iterator[Line]:
    """system: each line names a user. What is no entry is left out."""
    shell, zone = "/bin/sh", None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        setting = _SETTING.fullmatch(line)
        if setting is not None:
            name, value = setting[1].strip("\"'"), setting[2].strip("\"'")
            shell = value if name == "SHELL" else shell
            zone = value if name == "CRON_TZ" else zone
            continue
        found = (_OF_SYSTEM if system else _OF_USER).fullmatch(line.rstrip())
        if found is not None:
            head = found["head"] + (found["user"] if system else "")
            yield Line(number, head, found["when"], found["command"], shell, zone)


def entries_of(text: str, where: str, zone: str, *, system: bool) -> list[Entry]:
    """zone: the host's, where the crontab names none."""
    return told_apart(_entry(line, where, zone) for line in lines_of(text, system=system))


def _entry(line: Line, where: str, host_zone: str) -> Entry:
    schedule, trouble = schedule_of(line.when, line.zone or host_zone)
    named = named_by_wrapper(line.command)
    return Entry(
        name=named[1] if named else name_of(line.command),
        namespace=named[0] if named else None,
        command=line.command,
        where=f"{where}:{line.number}",
        schedule=schedule,
        trouble=trouble,
        wrapped=named is not None,
        line=line.number,
    )


def schedule_of(when: str, zone: str) -> tuple[Schedule | None, str]:
    """The schedule, or why there is none."""
    if when == "@reboot":
        return None, "runs when the host starts, at no time"
    expression = " ".join(_SPECIAL.get(when, when).split())
    if not is_cron(expression):
        return None, f"{when!r} can't be read"
    try:
        zone_of(zone)
    except ValueError:
        return None, f"there is no time zone {zone!r}"
    return Schedule("cron", expression, zone), ""


def named_by_wrapper(command: str) -> tuple[str | None, str] | None:
    """Namespace and name where it is wrapped already; else None."""
    try:
        words = shlex.split(_PERCENT.split(command, maxsplit=1)[0])
    except ValueError:
        return None
    if len(words) < 2 or words[0].rpartition("/")[2] != "trackside" or words[1] != "exec":
        return None
    try:
        options = read_options(words[2:])
    except Wrong:
        return None
    if options is None:
        return None
    given = any(word.partition("=")[0] == "--namespace" for word in words)
    return (options.namespace if given else None), options.name


# -- wrapping ----------------------------------------------------------------------------------


def wrapped(text: str, entries: Sequence[Entry], prefix: Sequence[str], *, system: bool) -> str:
    """The crontab with the lines of these entries behind `trackside exec`; all else is as it was.

    prefix: how `trackside exec` is called, with its options but the name.
    """
    by_line = {one.line: one for one in entries if not one.wrapped}
    lines = {line.number: line for line in lines_of(text, system=system)}
    return "".join(
        _wrapped_line(raw, lines[number], by_line[number].name, prefix)
        if number in by_line
        else raw
        for number, raw in enumerate(text.splitlines(keepends=True), 1)
    )


def _wrapped_line(raw: str, line: Line, name: str, prefix: Sequence[str]) -> str:
    end = raw[len(raw.rstrip("\r\n")) :]
    # Behind the first % that is not escaped stands what cron gives the command as its input.
    cut = _PERCENT.search(line.command)
    command, given = (
        (line.command, "")
        if cut is None
        else (line.command[: cut.start()], line.command[cut.start() :])
    )
    front = " ".join(_for_cron(word) for word in (*prefix, "--name", name, "--"))
    behind = (
        command if is_plain(command) else f"{shlex.quote(line.shell)} -c {shlex.quote(command)}"
    )
    return f"{line.head}{front} {behind}{given}{end}"


def is_plain(command: str) -> bool:
    """Whether it is a program and its arguments, with nothing that a shell would do."""
    first = command.split(" ", 1)[0]
    return _PLAIN.fullmatch(command) is not None and "=" not in first and "/" in first


def _for_cron(word: str) -> str:
    return shlex.quote(word).replace("%", "\\%")


def chosen(entries: Sequence[Entry], names: Collection[str]) -> list[Entry]:
    """Those of these names, all if none is told."""
    return [one for one in entries if not names or one.name in names]
