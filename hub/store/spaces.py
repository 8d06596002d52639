"""Namespaces and orchestrators of one batch: found by name, made when they are new."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct

from hub.store import tables
from hub.store.bulk import Bulk, Fetch, Insert, Update
from hub.store.ids import Ids

#: Of an orchestrator that nobody has said more about.
DEFAULT_KIND = "engine"
TOUCH_EVERY_US = 60_000_000
#: Each batch hears an orchestrator: two replicas would wait for each other at its row each time.
HEARD_EVERY_US = 1_000_000


class Space(Struct):
    """A namespace as the writing side needs it."""

    id: int
    name: str
    orchestrator_id: int | None
    hidden: bool
    updated_at: int


class Orchestrator(Struct):
    id: int
    name: str
    kind: str
    last_event_at: int | None = None


# Who claims a namespace: (orchestrator's name, its kind).
Claim = Callable[[str], tuple[str, str] | None]

_SPACE = Space.__struct_fields__
_BY_NAME = Fetch(tables.namespace, ["name"], _SPACE, lock="id")
_BY_ID = Fetch(tables.namespace, ["id"], _SPACE)
_NEW = Insert(
    tables.namespace, ["id", "name", "orchestrator_id", "hidden", "created_at", "updated_at"]
)
_OWNED = Update(tables.namespace, ["id"], ["orchestrator_id", "hidden", "updated_at"])
_ORCHESTRATOR = Orchestrator.__struct_fields__
_ORCHESTRATOR_BY_NAME = Fetch(tables.orchestrator, ["name"], _ORCHESTRATOR)
_ORCHESTRATOR_BY_ID = Fetch(tables.orchestrator, ["id"], _ORCHESTRATOR)
_NEW_ORCHESTRATOR = Insert(tables.orchestrator, ["id", "name", "kind", "created_at"])
_HEARD = Update(tables.orchestrator, ["id"], ["kind", "last_event_at"])


class Spaces:
    """All namespaces a batch names. `claim` is the operator's word on who owns which."""

    def __init__(self, bulk: Bulk, ids: Ids, claim: Claim, now: int) -> None:
        self._bulk = bulk
        self._ids = ids
        self._claim = claim
        self._now = now
        self._rows: dict[str, Space] = {}
        self._changed: set[str] = set()
        self._orchestrators: dict[int, Orchestrator] = {}
        self._called: dict[str, int] = {}
        self._spoken: dict[tuple[str, str | None, str], int] = {}
        self._heard: set[int] = set()

    def load(self, names: Iterable[str]) -> None:
        """Reads the named namespaces and makes those that are new."""
        wanted = sorted({n for n in names if n not in self._rows})
        for raw in self._bulk.fetch(_BY_NAME, [(n,) for n in wanted]):
            row = Space(*raw)
            self._rows[row.name] = row
        for name in wanted:
            if name not in self._rows:
                self._rows[name] = self._make(name)
        named = {row.orchestrator_id for row in self._rows.values() if row.orchestrator_id}
        missing = sorted(named - self._orchestrators.keys())
        for raw in self._bulk.fetch(_ORCHESTRATOR_BY_ID, [(number,) for number in missing]):
            self._keep(raw)

    def id_of(self, name: str) -> int:
        return self._rows[name].id

    def names_of(self, numbers: Iterable[int]) -> dict[int, str]:
        """The names of namespaces, also of those that the batch doesn't name."""
        known = {row.id: row.name for row in self._rows.values()}
        missing = sorted(set(numbers) - known.keys())
        rows = self._bulk.fetch(_BY_ID, [(number,) for number in missing])
        return known | {row[0]: row[1] for row in rows}

    def show(self, name: str) -> None:
        """A fact about the namespace arrived: it is in use (again)."""
        row = self._rows[name]
        if row.hidden or self._now - row.updated_at > TOUCH_EVERY_US:
            row.hidden, row.updated_at = False, self._now
            self._changed.add(name)

    # -- orchestrators ---------------------------------------------------------------------------

    def speak(self, name: str, bound: str | None, kind: str) -> int:
        """The orchestrator of a job that is told about: its sender's, or that of its namespace."""
        asked = (name, bound, kind)
        found = self._spoken.get(asked)
        if found is None:
            found = self._spoken[asked] = self._speaker(self._rows[name], bound, kind)
            self._heard.add(found)
        return found

    def _speaker(self, row: Space, bound: str | None, kind: str) -> int:
        if bound is None:
            return self._of_namespace(row, kind).id
        found = self._named(bound, kind)
        if row.orchestrator_id is None or self._is_made_for(row):
            self._own(row, found)
        return found.id

    def named_by_others(self, name: str) -> int:
        """The orchestrator of a job that another one's events name, as far as is known."""
        return self._of_namespace(self._rows[name], DEFAULT_KIND).id

    def orchestrator(self, name: str) -> int:
        """The orchestrator of that name, made if it is new."""
        return self._named(name, DEFAULT_KIND).id

    def _of_namespace(self, row: Space, kind: str) -> Orchestrator:
        if row.orchestrator_id is not None:
            held = self._by_id(row.orchestrator_id)
            return self._learn(held, kind) if self._is_made_for(row) else held
        found = self._named(*(self._claim(row.name) or (row.name, kind)))
        self._own(row, found)
        return found

    def _is_made_for(self, row: Space) -> bool:
        """Whether the orchestrator is only what we took the namespace for."""
        number = row.orchestrator_id
        own = number is not None and self._by_id(number).name == row.name
        return own and self._claim(row.name) is None

    def _own(self, row: Space, orchestrator: Orchestrator) -> None:
        if row.orchestrator_id != orchestrator.id:
            row.orchestrator_id = orchestrator.id
            self._changed.add(row.name)

    def _learn(self, orchestrator: Orchestrator, kind: str) -> Orchestrator:
        """Of several kinds that jobs of one namespace tell, one and the same holds."""
        if kind != DEFAULT_KIND and (orchestrator.kind == DEFAULT_KIND or kind < orchestrator.kind):
            orchestrator.kind, orchestrator.last_event_at = kind, None
        return orchestrator

    def _by_id(self, number: int) -> Orchestrator:
        if number not in self._orchestrators:
            self._keep(self._bulk.fetch(_ORCHESTRATOR_BY_ID, [(number,)])[0])
        return self._orchestrators[number]

    def _named(self, name: str, kind: str) -> Orchestrator:
        if name not in self._called:
            rows = self._bulk.fetch(_ORCHESTRATOR_BY_NAME, [(name,)])
            self._keep(rows[0] if rows else self._make_orchestrator(name, kind))
        return self._by_id(self._called[name])

    def _keep(self, raw: tuple[Any, ...]) -> None:
        row = Orchestrator(*raw)
        self._orchestrators.setdefault(row.id, row)
        self._called[row.name] = row.id

    # -- saving ----------------------------------------------------------------------------------

    def save(self) -> None:
        rows = sorted((self._rows[name] for name in self._changed), key=lambda r: r.id)
        self._bulk.update(_OWNED, [(r.id, r.orchestrator_id, r.hidden, r.updated_at) for r in rows])
        heard = [self._orchestrators[number] for number in sorted(self._heard)]
        told = [(o.id, o.kind, self._now) for o in heard if self._is_news(o)]
        self._bulk.update(_HEARD, told)

    def _is_news(self, orchestrator: Orchestrator) -> bool:
        """Whether its kind is another now or it was last heard some time ago."""
        before = orchestrator.last_event_at
        return before is None or abs(self._now - before) >= HEARD_EVERY_US

    def _make(self, name: str) -> Space:
        now = self._now
        number = self._ids.take("namespace")
        row = Space(number, name, orchestrator_id=None, hidden=False, updated_at=now)
        self._bulk.insert(_NEW, [(number, name, None, False, now, now)])
        return row

    def _make_orchestrator(self, name: str, kind: str) -> tuple[int, str, str]:
        row = (self._ids.take("orchestrator"), name, kind)
        self._bulk.insert(_NEW_ORCHESTRATOR, [(*row, self._now)])
        return row
