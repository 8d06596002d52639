"""Column types shared by both engines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer
from sqlalchemy.types import TypeDecorator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

Id = BigInteger().with_variant(Integer, "sqlite")


def to_micros(at: datetime) -> int:
    """Microseconds since the epoch. Raises ValueError for a naive datetime."""
    if at.tzinfo is None:
        raise ValueError("a naive datetime has no place in the store; give it a time zone")
    return (at - EPOCH) // MICROSECOND


def from_micros(micros: int) -> datetime:
    """The aware UTC datetime of microseconds since the epoch."""
    return EPOCH + timedelta(microseconds=micros)


def storable(text: str) -> str:
    """The text; ValueError for what no store can hold."""
    if "\0" in text:
        raise ValueError("expected text without NUL")
    text.encode()  # a lone surrogate raises UnicodeEncodeError, a ValueError
    return text


def _read(value: Any | None) -> datetime | None:
    return None if value is None else EPOCH + timedelta(microseconds=value)


class Timestamp(TypeDecorator[datetime]):
    """An instant, stored as microseconds since the epoch (see docs/decisions/0001)."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002
    ) -> int | None:
        return None if value is None else to_micros(value)

    def result_processor(
        self,
        dialect: Dialect,  # noqa: ARG002
        coltype: object,  # noqa: ARG002
    ) -> Callable[[Any | None], datetime | None]:
        # Not `process_result_value`: a page holds thousands, and that costs three calls for each.
        return _read
