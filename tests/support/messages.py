"""Messages that have every part, are hostile or huge, for channels to be tried with. As the hub itself
makes them, of every kind: `told`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from hub.ports import Block, Delivery, Link, Message, Standing, Update, WhoIsHit

NIGHT = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
HUB = "https://trackside.example.org"


def at(minutes: float) -> datetime:
    return NIGHT + timedelta(minutes=minutes)


def links(incident: str, *more: Link) -> list[Link]:
    return [Link("Incident", f"{HUB}/incident?id={incident}"), *more]


FAILED = Message(
    title="warehouse.load_orders failed for the third time in a row after 4 min (normally 31 min)",
    severity="critical",
    kind="failed_run",
    rule="critical jobs fail",
    subject="airflow-prod/warehouse.load_orders",
    team="data-platform",
    since=at(-7),
    opened_at=at(4),
    cause="postgres://dwh:5432 refuses connections: dwh.health has been red since 01:51 UTC",
    hit=[
        WhoIsHit("finance.daily_revenue", "finance", at(330), 0.94),
        WhoIsHit("bi.sales_dashboard", "bi", at(400), 0.71),
        WhoIsHit("ml.churn_features", "ml"),
    ],
    hidden=9,
    error="Traceback (most recent call last):\n"
    '  File "load_orders.py", line 88, in copy\n'
    "    cursor.copy(statement)\n"
    "psycopg.OperationalError: connection to server at dwh, port 5432 failed: "
    "FATAL: remaining connection slots are reserved",
    trend="31 30 32 29 33 31 ✕ ✕ ✕ min",
    advice="The database has no free connections. See who holds them (pg_stat_activity), "
    "then run load_orders again; it is safe to repeat.",
    updates=[Update(at(4), "opened")],
    links=links(
        "4711",
        Link("Log of the run", "https://airflow.example.org/dags/warehouse/runs/r1/logs"),
        Link("Run in Airflow", "https://airflow.example.org/dags/warehouse/runs/r1"),
    ),
    evidence={"run": "scheduled__2026-11-25T01:50:00", "attempt": 3, "duration_s": 242.7},
)

LATE = Message(
    title="finance.daily_revenue has not started: due 02:00 UTC, 45 min ago (grace 30 min)",
    severity="error",
    kind="late_start",
    rule="late start",
    subject="airflow-prod/finance.daily_revenue",
    team="finance",
    since=NIGHT,
    opened_at=at(30),
    hit=[WhoIsHit("finance.board_report", "finance", at(360), 0.52)],
    trend="started on time 29 of the last 30 days",
    advice="It waits for 3 of 16 slots of the pool finance. Raise the pool or pause a backfill.",
    updates=[Update(at(30), "opened")],
    links=links("4712"),
)

CREEP = Message(
    title="warehouse.build_sessions becomes slower: +1.1 % a run over 42 runs, doubles in 9 weeks",
    severity="info",
    kind="creep",
    rule="creep",
    subject="airflow-prod/warehouse.build_sessions",
    team="data-platform",
    since=at(-60 * 24 * 21),
    opened_at=at(0),
    trend="▁▁▂▂▂▃▃▄▄▅▅▆",
    advice="It grew with the table sessions (+38 %). An index on session_day would help.",
    updates=[Update(at(0), "opened")],
    links=links("4715"),
)

GROUP = Message(
    title="214 jobs fail or are late because of postgres://dwh:5432",
    severity="critical",
    kind="failed_run",
    rule="critical jobs fail",
    subject="214 jobs of airflow-prod and dagster-prod",
    team="data-platform",
    since=at(-7),
    opened_at=at(1),
    cause="postgres://dwh:5432 refuses connections",
    hit=[WhoIsHit(f"mart.table_{number:03}", "bi", at(300 + number), 0.9) for number in range(14)],
    hidden=186,
    count=214,
    updates=[Update(at(1), "opened with 12 incidents"), Update(at(6), "202 incidents more")],
    links=[Link("Incidents", f"{HUB}/incidents?open=true&team=data-platform")],
)

HOSTILE = Message(
    title="<!channel> @here *bold* _it_ `x` <script>alert(1)</script> [a](javascript:alert(1))\r\nBcc: x",
    severity="error",
    kind="failed_run",
    rule="<b>rule</b> & co",
    subject="job <@U123> <https://evil.example|click> \u202egnp.exe @everyone <at>all</at>",
    team="@team </td>",
    since=at(0),
    opened_at=at(1),
    cause="a\x00b\x1b[31mred\x1b[0m \ud800 ``` <!here>",
    hit=[WhoIsHit("<img src=x onerror=alert(1)>", "<!subteam^S1>", at(10), 0.5)],
    error="```\n<!everyone>\n</pre><script>alert(1)</script>\n.\n..\nFrom me",
    trend="<>&\"'",
    advice="{{7*7}} ${x} %s {0}",
    updates=[Update(at(1), "opened <!here>", "<@U999>")],
    links=[
        Link("<!channel>", f"{HUB}/incidents/1?a=1&b=2"),
        Link("bad", "javascript:alert(1)"),
        Link("worse", 'https://x.example/"><script>'),
    ],
)

HUGE = Message(
    title="t" * 5000,
    severity="critical",
    kind="k" * 500,
    rule="r" * 3000,
    subject="ü" * 5000,
    team="e" * 3000,
    since=at(0),
    opened_at=at(1),
    cause="c" * 20_000,
    hit=[WhoIsHit("h" * 1000, "t" * 500, at(10), 0.5)] * 400,
    hidden=12_345,
    error="\n".join(f"line {number} {'é' * 200}" for number in range(5000)),
    trend="▁" * 5000,
    advice="a" * 20_000,
    updates=[Update(at(number), "u" * 3000, "b" * 300) for number in range(300)],
    links=[Link("l" * 500, f"{HUB}/{'p' * 1500}/{number}") for number in range(40)],
    evidence={f"field {number}": "v" * 20_000 for number in range(60)},
)

CHANGED = Message(
    title="airflow-prod:load_orders has a new version: it reads db:items",
    severity="info",
    kind="job_version",
    rule="changes",
    subject="airflow-prod:load_orders",
    since=NIGHT,
    opened_at=NIGHT,
    links=[Link("Job", f"{HUB}/job?namespace=airflow-prod&name=load_orders")],
    blocks=[Block("What changed", ["reads db:items"])],
    change=True,
)


def opened(message: Message = FAILED, key: str = "incident-4711") -> Delivery:
    return Delivery(key, 1, Standing.OPEN, message)


def life(message: Message = FAILED, key: str = "incident-4711") -> list[Delivery]:
    """Open, changed (and loud), acknowledged, resolved."""
    step = message.updates[0]
    worse = [step, Update(at(12), "escalated to critical: nobody has acknowledged it in 8 min")]
    taken = [*worse, Update(at(15), "acknowledged", "ana")]
    over = [*taken, Update(at(52), "resolved: run 4 succeeded after 30 min")]
    changed = replace(message, severity="critical", updates=worse)
    ended = replace(changed, updates=over, resolved_at=at(52))
    return [
        Delivery(key, 1, Standing.OPEN, message),
        Delivery(key, 2, Standing.OPEN, changed, loud=True),
        Delivery(key, 3, Standing.ACKNOWLEDGED, replace(changed, updates=taken)),
        Delivery(key, 4, Standing.RESOLVED, ended),
    ]
