"""Whom an event names."""

from __future__ import annotations

from collections.abc import Iterator

from hub.model import EntityName, LineageEvent, RunRef


def refs_of(event: LineageEvent) -> Iterator[RunRef]:
    """The other runs that the event's run is a part of."""
    if event.run is not None:
        yield from (ref for ref in (event.run.parent, event.run.root) if ref is not None)


def other_jobs_of(event: LineageEvent) -> Iterator[EntityName]:
    """Jobs that the event names besides its own."""
    yield from (ref.job for ref in refs_of(event))
    if event.run is not None:
        yield from (dependency.job for dependency in event.run.dependencies)


def datasets_of(event: LineageEvent) -> Iterator[EntityName]:
    for facts in event.datasets:
        yield facts.name
        yield from facts.symlinks
        yield from (edge.from_dataset for edge in facts.column_lineage or ())
