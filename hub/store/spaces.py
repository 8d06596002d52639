"""Namespaces and orchestrators of one batch: found by name, made when they are new."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct

from hub.store import tables
from hub.store.bulk import Bulk, Fetch, Insert, Update
from hub.store.ids import Ids


class Space(Struct):
    """A namespace as the writing side needs it."""

    id: int
    name: str
    orchestrator_id: int | None
    hidden: bool
    updated_at: int


# Who claims a namespace: (orchestrator's name, its kind).
Claim = Callable[[str], tuple[str, str] | None]

_NAMESPACE = Fetch(tables.namespace, ["name"], Space.__struct_fields__, lock="id")
_ORCHESTRATOR = Fetch(tables.orchestrator, ["name"], ["id"])
_NEW_NAMESPACE = Insert(
    tables.namespace,
    ["id", "name", "orchestrator_id", "hidden", "created_at", "updated_at"],
)
_NEW_ORCHESTRATOR = Insert(tables.orchestrator, ["id", "name", "kind", "created_at"])
_OWNED = Update(tables.namespace, ["id"], ["orchestrator_id", "hidden", "updated_at"])
_HEARD = Update(tables.orchestrator, ["id"], ["last_event_at"])
TOUCH_EVERY_US = 60_000_000


class Spaces:
    """All namespaces a batch names. `claim` is the operator's word on who owns which."""

    def __init__(self, bulk: Bulk, ids: Ids, claim: Claim, now: int) -> None:
        self._bulk = bulk
        self._ids = ids
        self._claim = claim
        self._now = now
        self._rows: dict[str, Space] = {}
        self._changed: set[str] = set()
        self._orchestrators: dict[str, int] = {}
        self._heard: dict[int, int] = {}

    def load(self, names: Iterable[str]) -> None:
        """Reads the named namespaces and makes those that are new."""
        wanted = sorted({n for n in names if n not in self._rows})
        for raw in self._bulk.fetch(_NAMESPACE, [(n,) for n in wanted]):
            row = Space(*raw)
            self._rows[row.name] = row
        for name in wanted:
            if name not in self._rows:
                self._rows[name] = self._make(name)

    def id_of(self, name: str) -> int:
        return self._rows[name].id

    def show(self, name: str) -> None:
        """A fact about the namespace arrived: it is in use (again)."""
        row = self._rows[name]
        if row.hidden or self._now - row.updated_at > TOUCH_EVERY_US:
            row.hidden, row.updated_at = False, self._now
            self._changed.add(name)

    def orchestrator_of(self, name: str, bound: str | None, kind: str) -> int:
        """The orchestrator of a job namespace: the sender's, the claimant, or one made for it."""
        row = self._rows[name]
        if bound is not None:
            found = self.orchestrator(bound, kind)
        elif row.orchestrator_id is not None:
            return self._hear(row.orchestrator_id)
        else:
            found = self.orchestrator(*(self._claim(name) or (name, kind)))
        if row.orchestrator_id is None:
            row.orchestrator_id = found
            self._changed.add(name)
        return self._hear(found)

    def orchestrator(self, name: str, kind: str) -> int:
        """The orchestrator of that name, made if it is new."""
        found = self._orchestrators.get(name)
        if found is None:
            rows = self._bulk.fetch(_ORCHESTRATOR, [(name,)])
            found = rows[0][0] if rows else self._make_orchestrator(name, kind)
            self._orchestrators[name] = found
        return found

    def save(self) -> None:
        rows = sorted((self._rows[name] for name in self._changed), key=lambda r: r.id)
        self._bulk.update(_OWNED, [(r.id, r.orchestrator_id, r.hidden, r.updated_at) for r in rows])
        self._bulk.update(_HEARD, sorted(self._heard.items()))

    def _hear(self, orchestrator: int) -> int:
        self._heard[orchestrator] = self._now
        return orchestrator

    def _make(self, name: str) -> Space:
        now = self._now
        number = self._ids.take("namespace")
        row = Space(number, name, orchestrator_id=None, hidden=False, updated_at=now)
        self._bulk.insert(_NEW_NAMESPACE, [(number, name, None, False, now, now)])
        return row

    def _make_orchestrator(self, name: str, kind: str) -> int:
        number = self._ids.take("orchestrator")
        self._bulk.insert(_NEW_ORCHESTRATOR, [(number, name, kind, self._now)])
        return number
