"""Who owns a job or dataset, from the owners it names."""

from __future__ import annotations

from collections.abc import Iterable

_PREFIX = "team:"


def team_of(owners: Iterable[str]) -> str | None:
    """The first owner that names a team (`team:ingest`); None where none does."""
    for owner in owners:
        if owner.lower().startswith(_PREFIX) and len(owner) > len(_PREFIX):
            return owner[len(_PREFIX) :]
    return None
