"""What rules see of orchestrators."""

from __future__ import annotations

from collections.abc import Sequence

from hub.evaluate.round import OpenKeys, Round
from hub.rules.base import Fact, OrchestratorSeen, RollCall, Subject
from hub.store import expectations
from hub.store import orchestrator_facts as facts
from hub.store.db import Connection
from hub.store.orchestrator_facts import OrchestratorRow


class Orchestrators:
    """Orchestrators of one round, with what the rules need that will look at them."""

    def __init__(
        self,
        connection: Connection,
        this: Round,
        rows: Sequence[OrchestratorRow],
        open_keys: OpenKeys,
        needs: frozenset[Fact],
    ) -> None:
        keys = [row.id for row in rows]
        self._open = open_keys
        self._waits = expectations.waits(connection, Subject.ORCHESTRATOR, keys)
        ours = this.outages(connection)
        self._deaf_until = ours[-1].until if ours else None
        self._parts = facts.parts(connection, keys)
        self._calls = this.roll_calls(connection, keys) if Fact.ROLL_CALL in needs else {}
        self._backlog = (
            {key: facts.backlog(connection, key, this.now) for key in keys}
            if Fact.BACKLOG in needs
            else {}
        )

    def see(self, row: OrchestratorRow, rule: str) -> OrchestratorSeen:
        wait = self._waits.get((rule, row.id))
        return OrchestratorSeen(
            row.name,
            row.last_event_at,
            row.asked,
            row.complete_to,
            row.failures,
            row.error,
            self._parts.get(row.id, ()),
            self._calls.get(row.id, RollCall()),
            self._backlog.get(row.id, {}),
            frozenset(self._open.get((rule, row.id), ())),
            None if wait is None else wait.slot_at,
            self._deaf_until,
        )
