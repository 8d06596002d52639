"""What people change through the read API's objects: done in one transaction, noted in the audit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from hub.access import Principal
from hub.api.hub import Hub
from hub.store.access import record_action

T = TypeVar("T")

Change = Callable[[Any, datetime], T]


def edit(hub: Hub, by: Principal, action: str, subject: str, change: Change[T]) -> T:
    """Does `change(connection, now)` and writes who did `action` to `subject`."""
    now = datetime.now(UTC)

    def work(connection: Any) -> T:
        done = change(connection, now)
        record_action(connection, by.name, action, subject, now=now)
        return done

    return hub.writer.call(work)


def note(hub: Hub, by: Principal, action: str, subject: str) -> None:
    """Writes down an action that was done already."""
    edit(hub, by, action, subject, lambda _, __: None)


def change_tokens_by(hub: Hub, change: Callable[[Any], T]) -> T:
    """Does a change of tokens or teams; afterwards no cached principal is believed."""
    try:
        done = hub.writer.call(change)
    finally:
        hub.authenticator.forget()
    return done
