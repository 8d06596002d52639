"""What the hub could not take, on disk: a file per run, in a folder per hub, and never too much."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

#: Of one hub: more is dropped, the oldest first.
MOST_FILES: Final = 5_000
MOST_BYTES: Final = 16 * 2**20
#: What a file holds, which is also how its name ends: lineage events, one a line; or an array of
#: observations, which no `trackside exec` before them looks at.
EVENTS: Final = ".ndjson"
OBSERVATIONS: Final = ".json"


class Spool:
    """Events that wait for one hub. OSError where there is no place for them."""

    def __init__(self, url: str) -> None:
        self.folder = os.path.join(_home(), _plain(url))

    def put(self, told: list[bytes], kind: str = EVENTS) -> None:
        """Keeps what one run has to tell, whole or not at all."""
        self._make()
        name = f"{time.time_ns():020}-{os.getpid()}"
        part = os.path.join(self.folder, f".{name}.part")
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(b"\n".join(told) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.rename(part, os.path.join(self.folder, name + kind))
        self._bound()

    def files(self) -> list[str]:
        """The oldest first."""
        try:
            found = sorted(one for one in os.listdir(self.folder) if kind_of(one))
        except FileNotFoundError:
            return []
        return [os.path.join(self.folder, one) for one in found]

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether nobody else sends what is kept just now; nobody does while this is held."""
        try:
            lock = os.open(os.path.join(self.folder, ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except FileNotFoundError:
            yield True
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
        finally:
            os.close(lock)

    def _make(self) -> None:
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        # Where others may write, somebody could have put another folder or a link in its place.
        for folder in (self.folder, os.path.dirname(self.folder)):
            found = os.lstat(folder)
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
                raise PermissionError(f"{folder} is not a folder of this user's own")

    def _bound(self) -> None:
        files = self.files()
        sizes = {one: _size(one) for one in files}
        total = sum(sizes.values())
        while files and (len(files) > MOST_FILES or total > MOST_BYTES):
            oldest = files.pop(0)
            total -= sizes[oldest]
            remove(oldest)


def kind_of(file: str) -> str:
    """What it holds; "" if it is none of ours."""
    ending = os.path.splitext(file)[1]
    return ending if ending in {EVENTS, OBSERVATIONS} else ""


def read(file: str) -> bytes:
    """Empty where somebody else has sent it meanwhile."""
    try:
        with open(file, "rb") as held:
            return held.read()
    except FileNotFoundError:
        return b""


def remove(file: str) -> None:
    try:
        os.unlink(file)
    except FileNotFoundError:
        return


def _size(file: str) -> int:
    try:
        return os.stat(file).st_size
    except FileNotFoundError:
        return 0


def _home() -> str:
    told = os.environ.get("TRACKSIDE_SPOOL")
    if told:
        return told
    if os.getuid() == 0:
        return "/var/spool/trackside"
    home = os.environ.get("HOME")
    if home:
        state = os.environ.get("XDG_STATE_HOME") or os.path.join(home, ".local", "state")
        return os.path.join(state, "trackside", "spool")
    return os.path.join(os.environ.get("TMPDIR") or "/var/tmp", f"trackside-{os.getuid()}")  # noqa: S108  see _make


def _plain(url: str) -> str:
    place = url.partition("://")[2].rpartition("@")[2]
    return "".join(one if one.isalnum() or one in ".-" else "_" for one in place)[:200]
