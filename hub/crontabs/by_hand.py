"""Changes that are not ours to make, exactly as they are to be made: drop-ins and patches."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Final

import msgspec

from hub.crontabs.entry import Entry
from hub.crontabs.kubernetes import Container

#: What may stand before the program in ExecStart=: it stays in front.
_SIGNS: Final = re.compile(r"[-:+!|]*")
_PLAIN: Final = re.compile(r"[\w./:=,@%+-]+")


def drop_in(one: Entry, service: str, started: Sequence[str], prefix: Sequence[str]) -> str:
    """What to write beside a unit so that its service runs behind `trackside exec`.

    service: its name. started: its ExecStart= lines. prefix: as in `crontab.wrapped`.
    """
    if len(started) != 1:
        found = "none is to be seen" if not started else f"it has {len(started)}"
        return (
            f"# {service}: exactly one ExecStart= can be wrapped, and {found}; "
            "put trackside exec into it by hand"
        )
    signs = _SIGNS.match(started[0])
    assert signs is not None
    command = started[0][signs.end() :].lstrip()
    if command.startswith("@"):
        return (
            f"# {service}: ExecStart=@ names its program apart; put trackside exec into it by hand"
        )
    # A colon turns off what $ means, and then it is not to be doubled.
    dollar = "$" if ":" in signs[0] else "$$"
    words = " ".join(_quoted(word, dollar) for word in (*prefix, "--name", one.name))
    return (
        f"# /etc/systemd/system/{service}.d/trackside.conf, then systemctl daemon-reload; "
        "to take it back remove the file\n"
        f"[Service]\nExecStart=\nExecStart={signs[0]}{words} -- {command}"
    )


def _quoted(word: str, dollar: str) -> str:
    """As systemd reads words: % and $ have a meaning of their own."""
    told = word.replace("%", "%%").replace("$", dollar)
    if _PLAIN.fullmatch(word):
        return told
    return '"' + told.replace("\\", "\\\\").replace('"', '\\"') + '"'


def patch(one: Entry, container: Container | None, prefix: Sequence[str]) -> str:
    """The `kubectl patch` with which the first container of a CronJob runs behind `trackside exec`."""
    space, _, name = one.name.partition("/")
    if container is None or not container.command:
        return (
            f"# {one.name}: its command is its image's own; name it in the CronJob (command), "
            "then ask again"
        )
    command = [*prefix, "--name", one.name, "--", *container.command]
    told = [
        {
            "op": "replace",
            "path": "/spec/jobTemplate/spec/template/spec/containers/0/command",
            "value": command,
        }
    ]
    asked = ("kubectl", "-n", space, "patch", "cronjob", name, "--type=json", "-p")
    return shlex.join((*asked, msgspec.json.encode(told).decode()))
