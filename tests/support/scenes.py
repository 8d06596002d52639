"""A night of one company, as each kind of rule sees it: what goes wrong, and what is known besides."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import Struct

from hub.baselines.fit import fit
from hub.baselines.growth import fit_growing
from hub.baselines.samples import Sample
from hub.model import (
    CheckStatus,
    EntityName,
    RunState,
    Schedule,
    Severity,
)
from hub.ports import (
    RunTold,
    WhoIsHit,
)
from hub.rules.base import (
    CheckName,
    CheckSeen,
    DatasetSeen,
    History,
    JobSeen,
    OrchestratorSeen,
    PartitionSeen,
    Queue,
    RunSeen,
    Signs,
    UpdateSeen,
    Waiting,
)
from hub.schedules.spans import Span

NIGHT: Final = datetime.fromisoformat("2026-11-25T02:00:00+00:00")
HUB: Final = "https://trackside.example.org"
DAY: Final = timedelta(days=1)
AIRFLOW: Final = "airflow-prod"
DWH: Final = "postgres://dwh:5432"


def at(minutes: float) -> datetime:
    return NIGHT + timedelta(minutes=minutes)


class Scene(Struct, frozen=True, kw_only=True):
    """seen: as the rule sees it. settings: of the rule, where it is none of the pack. The rest is
    what the hub knows besides. runs: state and seconds, the latest last.
    """

    kind: str
    seen: Any
    as_of: datetime
    settings: dict[str, Any] = {}
    team: str | None = "data-platform"
    orchestrator: str | None = AIRFLOW
    cause: str | None = None
    hit: Sequence[WhoIsHit] = ()
    hidden: int = 0
    run: RunTold | None = None
    runs: Sequence[tuple[str, float | None]] = ()


def run(begin: float | None, end: float | None = None, failed: str = "", **more: Any) -> RunSeen:
    """A run from a minute to a minute of the night; what it said if it failed."""
    first = at(begin if begin is not None else end or 0)
    state = RunState.NEW if begin is None else RunState.RUNNING
    if end is not None:
        state = RunState.FAILED if failed else RunState.COMPLETED
    known: dict[str, Any] = {
        "id": 1_000_000 + round(first.timestamp()) % 1_000_000,
        "natural_id": f"scheduled__{first:%Y-%m-%dT%H:%M}",
        "state": state,
        "attempt": 3 if failed else 1,
        "sort_at": first,
        "started_at": None if begin is None else at(begin),
        "ended_at": None if end is None else at(end),
        "error_message": failed or None,
        "error_class": "psycopg.OperationalError" if failed else None,
        "url": f"https://airflow.example.org/dags/{first:%H%M}" if failed else None,
    }
    return RunSeen(**(known | more))


def job(name: str, *runs: RunSeen, **more: Any) -> JobSeen:
    latest = sorted(runs, key=lambda one: one.sort_at, reverse=True)
    return JobSeen(EntityName(AIRFLOW, name), latest, **more)


def dataset(name: str, **more: Any) -> DatasetSeen:
    return DatasetSeen(EntityName(DWH, name), **more)


def usual(minutes: float) -> Any:
    """Of a job whose nightly runs take so long, give or take a little."""
    samples = [
        Sample(NIGHT - n * DAY, 60 * minutes * (1 + 0.02 * (n % 3 - 1))) for n in range(1, 61)
    ]
    return fit(samples)


NIGHTLY: Final = Span(Schedule("cron", "0 2 * * *"), NIGHT - 60 * DAY)
BEFORE: Final = [run(-1440.0 * n, -1440.0 * n + 30) for n in range(1, 8)]
GOOD: Final = [("COMPLETED", 1800.0 + 40 * (n % 4)) for n in range(9)]
TRACE: Final = """Traceback (most recent call last):
  File "/opt/airflow/dags/load_orders.py", line 88, in copy
    cursor.copy(statement)
psycopg.OperationalError: connection to server at "dwh", port 5432 failed: FATAL: remaining \
connection slots are reserved for roles with the SUPERUSER attribute"""
HIT: Final = [
    WhoIsHit(f"{DWH}:finance.daily_revenue", "finance", at(330), 0.94),
    WhoIsHit(f"{DWH}:bi.sales_dashboard", "bi", at(400), 0.71),
    WhoIsHit("dagster-prod:churn_features", "ml"),
]

FAILED: Final = Scene(
    kind="failed_run",
    seen=job(
        "warehouse.load_orders",
        *BEFORE,
        *(run(begin, begin + 4, TRACE) for begin in (-50.0, -30.0, -7.0)),
    ),
    as_of=at(-3),
    cause=f"{DWH}:health.ping is not updated since 2026-11-25 01:51 UTC",
    hit=HIT,
    hidden=9,
    run=RunTold(
        id="0190a7c0-5d1e-7000-8000-000000004711",
        job=EntityName(AIRFLOW, "warehouse.load_orders.copy"),
        orchestrator=AIRFLOW,
        error=TRACE,
        url="https://airflow.example.org/dags/warehouse/runs/r1/tasks/copy",
        has_log=True,
    ),
    runs=[*GOOD, *[("FAILED", 240.0)] * 3],
)

SCENES: Final = [
    FAILED,
    Scene(
        kind="missed_schedule",
        seen=job(
            "finance.daily_revenue", *BEFORE, spans=(NIGHTLY,), watched=True, waited_for=at(10)
        ),
        as_of=at(30),
        team="finance",
        hit=[WhoIsHit(f"{DWH}:finance.board_report", "finance", at(360), 0.52)],
        runs=GOOD,
    ),
    Scene(
        kind="late_start",
        seen=job(
            "finance.daily_revenue",
            *BEFORE,
            run(None, sort_at=at(1), natural_id="scheduled__2026-11-25T02:00"),
            spans=(NIGHTLY,),
            waited_for=at(15),
        ),
        as_of=at(15),
        settings={"after_s": 900},
        team="finance",
        runs=[*GOOD, ("NEW", None)],
    ),
    Scene(
        kind="late_finish",
        seen=job("finance.daily_revenue", *BEFORE, run(1), spans=(NIGHTLY,), waited_for=at(90)),
        as_of=at(90),
        settings={"within_s": 5400},
        team="finance",
        runs=[*GOOD, ("RUNNING", None)],
    ),
    Scene(
        kind="overrun",
        seen=job("ml.train_ranking", *BEFORE, run(1), baseline=usual(30)),
        as_of=at(190),
        team="ml",
        runs=[*GOOD, ("RUNNING", None)],
    ),
    Scene(
        kind="stuck",
        seen=job(
            "warehouse.build_sessions",
            run(0, signs=Signs(at(30), [at(n) for n in range(1, 31)])),
        ),
        as_of=at(40),
        runs=[*GOOD, ("RUNNING", None)],
    ),
    Scene(
        kind="creep",
        seen=job(
            "warehouse.build_sessions",
            run(-30, 0),
            history=lambda: History(
                [
                    Sample(
                        NIGHT - (89 - n) * DAY,
                        1800 * (1 + 0.01 * (n % 3 - 1)) * 1.011 ** max(0, n - 48),
                    )
                    for n in range(90)
                ]
            ),
        ),
        as_of=at(0),
        runs=[("COMPLETED", 1800.0 * 1.06**n) for n in range(12)],
    ),
    Scene(
        kind="too_fast",
        seen=job("warehouse.load_stock", run(0, 2), baseline=usual(30)),
        as_of=at(3),
        runs=[*GOOD, ("COMPLETED", 120.0)],
    ),
    Scene(
        kind="too_often",
        seen=job("marketing.sync_leads", *(run(n, n + 0.5) for n in range(5))),
        as_of=at(5),
        settings={"max_runs": 4, "within_s": 600},
        team="marketing",
        runs=[("COMPLETED", 30.0)] * 9,
    ),
    Scene(
        kind="backlog",
        seen=OrchestratorSeen(
            EntityName("", AIRFLOW),
            backlog={"etl": Queue([Waiting(at(n - 3), 120 + 25 * n) for n in range(4)], [40, 45])},
        ),
        as_of=at(0),
        team=None,
    ),
    Scene(
        kind="orchestrator_silent",
        seen=OrchestratorSeen(
            EntityName("", AIRFLOW),
            asked=True,
            complete_to=at(-20),
            failures=9,
            error="https://airflow.example.org/api/v2/dags answered 502: bad gateway",
        ),
        as_of=at(0),
        team=None,
    ),
    Scene(
        kind="freshness",
        seen=dataset("warehouse.orders", last_update_at=at(-540), known_at=at(-9999)),
        as_of=at(0),
        settings={"max_lag_s": 21_600},
        cause=f"{AIRFLOW}:warehouse.load_orders: run scheduled__2026-11-25T01:53 failed",
        hit=[WhoIsHit(f"{DWH}:bi.sales_dashboard", "bi", at(30), 0.98)],
    ),
    Scene(
        kind="missing_partition",
        seen=dataset(
            "warehouse.orders",
            partitions={
                f"{NIGHT - n * DAY:%Y-%m-%d}": PartitionSeen(
                    NIGHT - (n - 1) * DAY, NIGHT - (n - 1) * DAY
                )
                for n in range(2, 30)
            },
            known_at=NIGHT - 60 * DAY,
        ),
        as_of=at(300),
    ),
    Scene(
        kind="failed_check",
        seen=dataset(
            "warehouse.orders",
            checks=[
                CheckSeen(
                    CheckName("not_null", "customer_id", "2026-11-24"),
                    at(0),
                    CheckStatus.FAILED,
                    Severity.ERROR,
                    expected="0",
                    actual="1,204",
                )
            ],
        ),
        as_of=at(1),
    ),
    Scene(
        kind="volume",
        seen=dataset(
            "warehouse.orders",
            updates=[UpdateSeen(17, at(0), rows=12_800)],
            volumes={
                "rows": fit_growing(
                    [
                        Sample(NIGHT - n * DAY, 50_000 * (1 + 0.03 * (n % 3 - 1)))
                        for n in range(90, 0, -1)
                    ],
                    10,
                )
            },
        ),
        as_of=at(1),
    ),
    Scene(
        kind="schema_change",
        seen=dataset(
            "crm.customers",
            updates=[UpdateSeen(2, at(0), schema_id=2), UpdateSeen(1, at(-1440), schema_id=1)],
            schemas={
                1: {"id": "int", "email": "text", "segment": "text"},
                2: {"id": "text", "email": "text"},
            },
        ),
        as_of=at(1),
        hit=[WhoIsHit(f"{DWH}:marketing.segments", "marketing")],
    ),
]
