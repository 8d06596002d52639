"""What is downstream of an incident, and what becomes of it, as they are kept."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from hub.store.column_impact import Column


class Breach(Struct, frozen=True):
    """That a rule will be violated by a job or dataset at `breach_at`, how probably, and why.

    done_at: when it will be as it should, the median; with 80 % from `earliest_at` to `latest_at`.
    must_by: when what is late must be done at the latest, for it to be kept with 90 %. None:
    nobody can say.
    """

    rule: str
    kind: str
    severity: str
    subject_kind: str
    subject_id: int
    breach_at: datetime
    probability: float | None = None
    done_at: datetime | None = None
    earliest_at: datetime | None = None
    latest_at: datetime | None = None
    must_by: datetime | None = None


class Predicted(Struct, frozen=True):
    """What is predicted of an incident as of `at`, the first breach first.

    basis: what is late still runs (running), goes next by its schedule (next_run), or nobody knows
    when it goes (unknown).
    """

    at: datetime
    basis: str
    breaches: list[Breach]


class Impact(Struct, frozen=True):
    """What is downstream: jobs, datasets and columns; `truncated`: there is more."""

    jobs: list[int]
    datasets: list[int]
    columns: list[Column] = []
    truncated: bool = False
    predicted: Predicted | None = None
