"""When something may have happened unheard."""

from __future__ import annotations

from collections.abc import Sequence

from hub.evaluate.round import Round
from hub.rules.base import Blind
from hub.store import outages
from hub.store.dataset_rows import DatasetRow
from hub.store.db import Connection
from hub.store.facts import JobRow
from hub.store.orchestrator_facts import unheard


def blind_times(
    connection: Connection, this: Round, rows: Sequence[JobRow | DatasetRow]
) -> dict[int, list[Blind]]:
    """By orchestrator, of those that only push, in their order."""
    unasked = {
        row.orchestrator_id for row in rows if not this.horizons.watched(row.orchestrator_id)
    }
    if not unasked:
        return {}
    ours = this.outages(connection)
    theirs = unheard(connection, unasked, this.now - outages.KEPT)
    return {
        key: sorted([*ours, *theirs.get(key, ())], key=lambda one: one.since) for key in unasked
    }
