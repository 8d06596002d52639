"""Chance that repeats itself, and run ids made of it."""

from __future__ import annotations

import hashlib
from datetime import datetime
from random import Random
from uuid import UUID


def luck(*of: object) -> Random:
    """A source of chance of its own for every subject: what happens to one moves no other."""
    return Random("|".join(map(str, of)))  # noqa: S311  it decides about made-up rows


def run_id(at: datetime, *of: object) -> str:
    """A UUID of version 7 that only depends on what it is made of, as Airflow makes them."""
    digest = hashlib.sha256("|".join(map(str, of)).encode()).digest()
    instant = int(at.timestamp() * 1000).to_bytes(6, "big")
    raw = bytearray(instant + digest[:10])
    raw[6] = raw[6] & 0x0F | 0x70
    raw[8] = raw[8] & 0x3F | 0x80
    return str(UUID(bytes=bytes(raw)))
