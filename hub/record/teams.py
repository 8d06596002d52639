"""Who owns a job or dataset, from the owners it names."""

from __future__ import annotations

from collections.abc import Iterable

from hub.record.marks import Marks
from hub.store.rows import DatasetRow

#: The mark of the team that owners named, apart from that of its owners: it outlives owners without a team.
TEAM = "~team"

_PREFIX = "team:"
_BEFORE_ALL = -(2**63)


def team_of(owners: Iterable[str]) -> str | None:
    """The first owner that names a team (`team:ingest`); None where none does."""
    for owner in owners:
        if owner.lower().startswith(_PREFIX) and len(owner) > len(_PREFIX):
            return owner[len(_PREFIX) :]
    return None


def give_to_maker(row: DatasetRow, team: str) -> None:
    """The dataset is the team's whose job made it known, until its owners name another."""
    marks = Marks(row.facet_marks)
    if marks.win(TEAM, _BEFORE_ALL, team.encode()):
        row.team, row.facet_marks = team, marks.text()
