"""Which events a receiver gets, and the bytes that it gets. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from hub.errors import BadInput
from hub.openlineage.decode import decode_event
from hub.record.incoming import digest_of, filed
from hub.settings.forward import Only
from hub.store.forward import Stored
from hub.store.types import to_micros


def is_chosen(only: Only, one: Stored, event: dict[str, Any], tags: Collection[str] = ()) -> bool:
    """tags: of its job, as key and key:value."""
    if only.event_types and one.event_type not in only.event_types:
        return False
    return (
        _matches(only.namespaces, one.job_namespace or one.dataset_namespace)
        and _matches(only.jobs, one.job)
        and _matches(only.orchestrators, one.orchestrator)
        and _matches(only.producers, str(event.get("producer", "")))
        and (not only.tags or any(tag in tags for tag in only.tags))
    )


def _matches(globs: Iterable[str], text: str | None) -> bool:
    return any(glob == "*" or fnmatchcase(text or "", glob) for glob in globs)


class Onward(msgspec.Struct, frozen=True):
    """An event as it goes on. `key`: what tells it when it comes back; None if that can't be told."""

    event: dict[str, Any]
    body: bytes
    key: bytes | None


def onward(event: dict[str, Any]) -> Onward:
    """What OpenLineage's transports write of the event, so that it has the same bytes each time."""
    # Here, for all the client's transports come with it, and every hub would wait for them.
    from openlineage.client.serde import Serde

    body = Serde.to_json(event).encode()
    try:
        told_at = to_micros(decode_event(body).event_time)
    except BadInput:
        return Onward(event, body, None)
    return Onward(event, body, filed(told_at, digest_of(body)))


def key_of(event: dict[str, Any]) -> str:
    """Messages with the same key stay in order: those of a job, or of all that one root runs."""
    parent = _inner(event, "run", "facets", "parent")
    job = _inner(parent, "root", "job") or _inner(parent, "job") or _inner(event, "job")
    named = job or _inner(event, "dataset")
    if not named:
        return hashlib.blake2b(msgspec.json.encode(event), digest_size=8).hexdigest()
    return f"run:{named.get('namespace')}/{named.get('name')}"


def _inner(value: Any, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value
