"""Whom an event names."""

from __future__ import annotations

from collections.abc import Iterator

from hub.model import EntityName, LineageEvent, RunRef


def refs_of(event: LineageEvent) -> list[RunRef]:
    """The other runs that the event's run is a part of, each once."""
    run = event.run
    if run is None:
        return []
    # The parent of most is the root itself.
    refs = (run.parent, None if run.root == run.parent else run.root)
    return [ref for ref in refs if ref is not None]


def other_jobs_of(event: LineageEvent) -> list[EntityName]:
    """Jobs that the event names besides its own."""
    dependencies = event.run.dependencies if event.run else ()
    return [ref.job for ref in refs_of(event)] + [needed.job for needed in dependencies]


def datasets_of(event: LineageEvent) -> Iterator[EntityName]:
    for facts in event.datasets:
        yield facts.name
        yield from facts.symlinks
        yield from (edge.from_dataset for edge in facts.column_lineage or ())
