"""What a sender may say of what is in namespaces that it may not write.

Jobs read and write each other's datasets, so an event names any dataset, and says what its job saw
of it. Whose it is and which names mean it, only those say who may write its namespace. Nor is a job
or run of such a namespace made because an event names it as parent or dependency; the raw event
keeps the reference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from msgspec.structs import replace

from hub.errors import Forbidden
from hub.model import (
    DatasetFacts,
    Direction,
    EntityName,
    LineageEvent,
    RunFacts,
    Warning,  # noqa: A004
)

MayWrite = Callable[[str], None]  # raises Forbidden for a namespace it may not write

_SIDES = {Direction.INPUT: "inputs", Direction.OUTPUT: "outputs"}


def may(name: EntityName, may_write: MayWrite) -> bool:
    try:
        may_write(name.namespace)
    except Forbidden:
        return False
    return True


def own_relations(event: LineageEvent, may_write: MayWrite) -> LineageEvent:
    """The event without parents and dependencies that aren't the sender's; it warns of each."""
    run = event.run
    if run is None:
        return event
    barred = [(at, job) for at, job in _relations(run) if not may(job, may_write)]
    if not barred:
        return event
    kept = replace(
        run,
        parent=run.parent if run.parent and may(run.parent.job, may_write) else None,
        root=run.root if run.root and may(run.root.job, may_write) else None,
        dependencies=tuple(d for d in run.dependencies if may(d.job, may_write)),
    )
    told = (Warning(f"$.run.facets.{at}.job", _not_taken(job.namespace)) for at, job in barred)
    return replace(event, run=kept, warnings=(*event.warnings, *told))


def _relations(run: RunFacts) -> Iterator[tuple[str, EntityName]]:
    """The jobs that the run names, and where."""
    if run.parent is not None:
        yield "parent", run.parent.job
    if run.root is not None:
        yield "parent.root", run.root.job
    seen = Counter[str]()
    for needed in run.dependencies:
        side = "upstream" if needed.upstream else "downstream"
        yield f"jobDependencies.{side}[{seen[side]}]", needed.job
        seen[side] += 1


def _not_taken(namespace: str) -> str:
    return f"not taken: this token may not write the namespace {namespace!r}"


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
    where = f"$.{_SIDES[facts.direction]}[{index}]" if facts.direction else "$.dataset"
    gone = facts.facets.keys() - own.facets.keys()
    return [Warning(f"{where}.facets.{facet}", _not_taken(barred)) for facet in sorted(gone)]
