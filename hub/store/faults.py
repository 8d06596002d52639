"""What an exception from the store means for the work that met it."""

from __future__ import annotations

import sqlite3
from enum import Enum, auto

import psycopg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout


class Fault(Enum):
    PASSING = auto()  # the same work may succeed in a moment
    COLLISION = auto()  # another writer made the same new row: a second try finds it
    POISON = auto()  # the work itself can't be stored


# Locks, full disks and lost connections: the operator or time mends them, the work is good.
_PASSING_SQLITE = (sqlite3.OperationalError,)
_PASSING_POSTGRES = (psycopg.OperationalError, psycopg.InterfaceError)


def fault_of(error: Exception) -> Fault:
    """What to do after `error`: bugs count as poison, so that no work blocks the work behind it."""
    if isinstance(error, PoolTimeout):
        return Fault.PASSING
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, _PASSING_SQLITE + _PASSING_POSTGRES):
        return Fault.PASSING
    if isinstance(cause, psycopg.errors.UniqueViolation):
        return Fault.COLLISION
    if isinstance(error, SQLAlchemyError) and getattr(error, "connection_invalidated", False):
        return Fault.PASSING
    return Fault.POISON


def reason_of(error: Exception) -> str:
    """Why the store failed, for people: the engine's own first line, without what was written."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    if isinstance(cause, _PASSING_SQLITE + _PASSING_POSTGRES):
        first = str(cause).partition("\n")[0].strip()
        return first[:200] or type(cause).__name__
    return type(cause).__name__
