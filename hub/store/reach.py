"""Turns the engine's own errors into one that tells an operator what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from hub.errors import Unavailable
from hub.settings.masks import mask_url
from hub.store.db import Database

#: What the engines say, and what it means for whoever runs them.
_HINTS = {
    "connection refused": "is the server running, and are host and port right?",
    "could not translate host": "the host's name is not known here",
    "failed to resolve host": "the host's name is not known here",
    "password authentication failed": "the user or the password is wrong",
    "no password supplied": "the URL has no password: postgresql://user:password@host/database",
    "no such table": "there is nothing in this store; is it the right file?",
    'relation "': "there is nothing in this store; is it the right database?",
    "does not exist": "make it first: createdb, or CREATE DATABASE ... OWNER ...",
    "permission denied": "the user needs CREATE on the schema public of that database",
    "unable to open database file": "may this user write into the folder?",
    "readonly database": "may this user write the file and its folder?",
    "read-only": "this server is a standby or read-only; give the primary",
    "file is not a database": "the file holds something else; choose another",
    "disk image is malformed": "the file is damaged; restore a backup (trackside store restore)",
    "disk is full": "free some space; nothing that was accepted is lost",
    "locked": "another process is writing into the file",
}


@contextmanager
def explained(db: Database) -> Iterator[None]:
    """Raises Unavailable, in one line, for what the store's engine raises inside."""
    try:
        yield
    except (DBAPIError, PoolTimeout) as error:
        raise Unavailable(explain(db, error)) from error


def explain(db: Database, error: Exception) -> str:
    """One line: the store, what its engine says of it, and what to do."""
    cause = getattr(error, "orig", None) or error
    said = " ".join(str(cause).split())
    hint = next((hint for sign, hint in _HINTS.items() if sign in said.lower()), "")
    store = mask_url(db.url.render_as_string(hide_password=True))
    return f"database_url: {store}: {said}" + (f" ({hint})" if hint else "")
