"""What a sender may say of datasets in namespaces that it may not write.

Jobs read and write each other's datasets, so an event names any dataset, and says what its job saw
of it. Whose it is and which names mean it, only those say who may write its namespace.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from msgspec.structs import replace

from hub.errors import Forbidden
from hub.model import DatasetFacts, Direction, EntityName, LineageEvent, Warning  # noqa: A004

MayWrite = Callable[[str], None]  # raises Forbidden for a namespace it may not write

_SIDES = {Direction.INPUT: "inputs", Direction.OUTPUT: "outputs"}


def may(name: EntityName, may_write: MayWrite) -> bool:
    try:
        may_write(name.namespace)
    except Forbidden:
        return False
    return True


def own_claims(event: LineageEvent, may_write: MayWrite) -> LineageEvent:
    """The event without owners and links of datasets that aren't the sender's; it warns of each."""
    if not any(_claims(facts) for facts in event.datasets):
        return event
    kept, told, seen = [], list(event.warnings), Counter[Direction | None]()
    for facts in event.datasets:
        own = _unlinked(_unowned(facts, may_write), may_write)
        told += _warnings(facts, own, seen[facts.direction], may_write)
        seen[facts.direction] += 1
        kept.append(own)
    if len(told) == len(event.warnings):
        return event
    return replace(event, datasets=tuple(kept), warnings=tuple(told))


def _claims(facts: DatasetFacts) -> bool:
    return "ownership" in facts.facets or "symlinks" in facts.facets


def _unowned(facts: DatasetFacts, may_write: MayWrite) -> DatasetFacts:
    if "ownership" not in facts.facets or may(facts.name, may_write):
        return facts
    return replace(facts, owners=None, facets=_without(facts, "ownership"))


def _unlinked(facts: DatasetFacts, may_write: MayWrite) -> DatasetFacts:
    """A link makes two names mean one dataset: it takes the right to both."""
    if "symlinks" not in facts.facets:
        return facts
    own = may(facts.name, may_write)
    links = tuple(name for name in facts.symlinks if own and may(name, may_write))
    if own and links == facts.symlinks:
        return facts
    return replace(facts, symlinks=links, facets=_without(facts, "symlinks"))


def _without(facts: DatasetFacts, facet: str) -> dict[str, bytes]:
    return {name: payload for name, payload in facts.facets.items() if name != facet}


def _warnings(
    facts: DatasetFacts, own: DatasetFacts, index: int, may_write: MayWrite
) -> list[Warning]:
    names = (facts.name, *facts.symlinks)
    barred = next((n.namespace for n in names if not may(n, may_write)), "")
    told = f"not taken: this token may not write the namespace {barred!r}"
    where = f"$.{_SIDES[facts.direction]}[{index}]" if facts.direction else "$.dataset"
    gone = facts.facets.keys() - own.facets.keys()
    return [Warning(f"{where}.facets.{facet}", told) for facet in sorted(gone)]
