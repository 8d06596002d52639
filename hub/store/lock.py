"""One SQLite file, one hub: a lock that the system lets go of when its process ends, however."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Literal, Self

from msgspec import Struct

from hub.errors import ConfigError
from hub.store.db import Database


class Holder(Struct, frozen=True):
    """Who has the store: a process and, if it is a hub, where it listens."""

    pid: int
    url: str = ""
    what: str = "hub"


class StoreLock:
    """The lock of the store behind `db`; PostgreSQL needs none, any number of hubs may use it."""

    def __init__(self, db: Database) -> None:
        # The file has one lock, by whatever link it is named; its log lies beside it, too.
        self.path = Path(f"{db.file.resolve()}.lock") if db.file else None
        self._file: TextIOWrapper | None = None

    def acquire(self, what: str = "hub") -> None:
        """Raises ConfigError that says who has it."""
        if self.path is None:
            return
        file = _open(self.path, "a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise ConfigError(_in_use(self.path, self.holder())) from None
        self._file = file
        self.tell(Holder(os.getpid(), what=what))

    def tell(self, holder: Holder) -> None:
        """Writes into the lock what others should know of its holder."""
        if self._file is not None:
            self._file.truncate(0)
            self._file.write(
                json.dumps({"pid": holder.pid, "url": holder.url, "what": holder.what})
            )
            self._file.flush()

    def release(self) -> None:
        # The file stays: removing it would let two processes lock two files of one name.
        if self._file is not None:
            self._file.close()
            self._file = None

    def holder(self) -> Holder | None:
        """Who has it now, None if nobody has."""
        if self.path is None or not self.path.exists():
            return None
        with _open(self.path, "r") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return _holder(file.read())
        return None

    @contextmanager
    def held(self, what: str) -> Iterator[Self]:
        """Holds it while `what` is going on. Raises ConfigError if somebody else has it."""
        self.acquire(what)
        try:
            yield self
        finally:
            self.release()


def _open(path: Path, mode: Literal["a+", "r"]) -> TextIOWrapper:
    try:
        return path.open(mode)
    except OSError as error:
        what = "written" if mode == "a+" else "read"
        raise ConfigError(
            f"database_url: {path} can't be {what}: {error.strerror}; give this user the right to "
            f"write into {path.parent}, or name a file elsewhere "
            "(TRACKSIDE_DATABASE_URL=sqlite:////folder/file.db)"
        ) from None


def _holder(told: str) -> Holder:
    try:
        return Holder(**json.loads(told))
    except (ValueError, TypeError):
        return Holder(0)  # it has just taken the lock and not told yet


def _in_use(path: Path, holder: Holder | None) -> str:
    who = (
        f"{holder.what} (process {holder.pid}{', ' + holder.url if holder.url else ''})"
        if (holder and holder.pid)
        else "process"
    )
    store = str(path).removesuffix(".lock")
    return (
        f"database_url: {store} is in use by another {who}; stop that one first, or give this one "
        "a file of its own (TRACKSIDE_DATABASE_URL=sqlite:///other.db)"
    )
