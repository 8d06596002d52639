"""Subscriptions that would launch themselves: their job writes what they wait for."""

from __future__ import annotations

from hub.store.circles import find_circle, target_node
from hub.store.db import Connection
from hub.triggers.spec import Spec


def circle_text(connection: Connection, spec: Spec) -> str | None:
    """Why the subscription would launch itself again and again, with the way; None: it would not.

    The way goes by what jobs read and write as of now, and by other subscriptions.
    """
    target = target_node(spec.kept()["launch"])
    path = find_circle(connection, spec.name, target, spec.inputs)
    if path is None:
        return None
    return f"it would launch itself again and again: {' -> '.join(path)}"
