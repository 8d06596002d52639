"""The file a command writes: never the store itself, and nothing that is there unless --force."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from hub.errors import Conflict, NotFound
from hub.store.db import Database

Force = Annotated[bool, typer.Option("--force", help="Overwrite the file if it is there.")]

_OF_A_STORE = ("", "-wal", "-shm", "-journal", ".lock")
_OF_A_TARGET = ("", ".part", ".part.json")


def check_target(file: Path, db: Database, *, force: bool) -> None:
    """Raises Conflict or NotFound, before anything is written, if `file` can't be the target."""
    _check_folder(file)
    if _is_of_store(file, db):
        raise Conflict(f"{file} belongs to the store itself; choose another file")
    if file.is_dir():
        raise Conflict(f"{file} is a folder; name a file in it")
    if os.path.lexists(file) and not force:
        raise Conflict(f"{file} is there already; choose another file, or overwrite it by --force")


def _check_folder(file: Path) -> None:
    if not file.parent.is_dir():
        raise NotFound(f"{file} can't be written: there is no folder {file.parent}; make it first")
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise Conflict(f"{file} can't be written: {file.parent} is read-only for this user")


def _is_of_store(file: Path, db: Database) -> bool:
    """By any name: links of either kind are followed."""
    if db.file is None:
        return False
    store = db.file.resolve()
    kept = [Path(f"{store}{suffix}") for suffix in _OF_A_STORE]
    targets = [Path(f"{file}{suffix}") for suffix in _OF_A_TARGET]
    return any(_same(target, each) for target in targets for each in kept)


def _same(one: Path, other: Path) -> bool:
    if one.exists() and other.exists():
        return one.samefile(other)
    return one.resolve() == other
