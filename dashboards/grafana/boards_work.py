"""For people who look after jobs and data: orchestrators, a job, freshness, datasets."""

from __future__ import annotations

from typing import Final

from dashboards.grafana.panels import JOB as _J
from dashboards.grafana.panels import (
    ODD,
    OF_ONE_JOB,
    ONE,
    Board,
    J,
    O,
    Panel,
    Section,
    T,
    grid,
    listing,
    measured,
    series,
    stat,
    stored,
    table,
)
from dashboards.grafana.sql import RUNS

#: As the pages of the hub colour them.
PARTITIONS: Final = {
    "complete": "green",
    "failed": "red",
    "running": "blue",
    "missing": "purple",
    "stale": "orange",
}


def _which(title: str, kind: str) -> Panel:
    """Open incidents of a kind of rule."""
    return listing(
        title, "Open incidents of these, from the hub.",
        f"/api/v1/incidents?open=true&kind={kind}&limit=50", "incidents",
        (("id", "incident"), ("openedAt", "opened"), ("severity", "severity"), ("team", "team"),
         ("dataset.namespace", "namespace"), ("dataset.name", "dataset"), ("reason", "what")),
        page="/incident?id=", link=f"/incidents?open=true&kind={kind}",
    )  # fmt: skip


ORCHESTRATORS: Final = Board(
    "trackside-orchestrators",
    "Trackside / Orchestrators and backlog",
    "How well each orchestrator is known, and what waits in it.",
    (
        Section(
            "How well it is known",
            (
                series("Watermark", "How long ago all that it knew was known here.",
                       (f"max by (orchestrator) (trackside_watermark_lag_seconds{{{O}}})", "{{orchestrator}}"), unit="s"),
                series("Polls that failed in a row", "0 when it answers.",
                       (f"max by (orchestrator) (trackside_poll_failures{{{O}}})", "{{orchestrator}}")),
                table("Health", "What it says of itself as a whole.",
                      (f"max by (orchestrator, status) (trackside_orchestrator_health{{{O}}})", "")),
                series("Polls", "An hour, by result.",
                       (f"sum by (orchestrator, result) (rate(trackside_polls_total{{{O}}}[$__rate_interval])) * 3600", "{{orchestrator}} {{result}}")),
                series("How long a poll takes", "95 % of them take less.",
                       (f"histogram_quantile(0.95, sum by (orchestrator, le) (rate(trackside_poll_seconds_bucket{{{O}}}[$__rate_interval])))", "{{orchestrator}}"),
                       unit="s"),
                series("Disagreements", "Attempts of whose end it answered another thing than its senders told.",
                       (f"max by (orchestrator) (trackside_disagreements{{{O}}})", "{{orchestrator}}")),
            ),
        ),
        Section(
            "Backlog",
            (
                series("Work that waits", "By pool.",
                       (f"max by (orchestrator, pool) (trackside_backlog_queued{{{O}}})", "{{orchestrator}} {{pool}}"), stacked=True),
                series("The oldest waits for", "By pool.",
                       (f"max by (orchestrator, pool) (trackside_backlog_oldest_wait_seconds{{{O}}})", "{{orchestrator}} {{pool}}"), unit="s"),
                series("How full pools are", "Running by what can run at a time.",
                       (f"max by (orchestrator, pool) (trackside_backlog_running{{{O}}}) / max by (orchestrator, pool) (trackside_backlog_capacity{{{O}}} > 0)",
                        "{{orchestrator}} {{pool}}"), unit="percentunit", max=1),
            ),
        ),
        Section(
            "Runs",
            (
                series("At work", "Runs that have not ended.",
                       (f"sum by (orchestrator) (trackside_runs_open{{{O}}})", "{{orchestrator}}"), stacked=True),
                series("Ended", "Runs an hour, parts of others included.",
                       (f"sum by (orchestrator, state) (rate(trackside_runs_ended_total{{{O}}}[$__rate_interval])) * 3600", "{{orchestrator}} {{state}}"), stacked=True),
                series("Slots overdue", "Jobs whose slot is due and has no run yet.",
                       (f"sum by (orchestrator) (trackside_slots_overdue{{{O}}})", "{{orchestrator}}")),
            ),
        ),
    ),
    asks=("orchestrator",),
    page="/orchestrators",
)  # fmt: skip

JOB: Final = Board(
    "trackside-job",
    "Trackside / Job",
    "Single jobs, of those that `job_metrics` selects.",
    (
        Section(
            "Runs",
            (
                series("Duration and what is expected", "The latest run that completed, within the band of its baseline.",
                       (f"max by (job_name) (trackside_job_last_run_seconds{{{_J}}})", "{{job_name}}"),
                       (f"max by (job_name) (trackside_job_expected_seconds{{{_J}}})", "{{job_name}} expected"),
                       (f"max by (job_name) (trackside_job_expected_low_seconds{{{_J}}})", "{{job_name}} low"),
                       (f"max by (job_name) (trackside_job_expected_high_seconds{{{_J}}})", "{{job_name}} high"),
                       unit="s", width=16, height=9),
                series("By what is expected", "1 is as ever.",
                       (f"max by (job_name) (trackside_job_last_run_seconds{{{_J}}}) / max by (job_name) (trackside_job_expected_seconds{{{_J}}})", "{{job_name}}"),
                       height=9),
                series("Overdue", "How long its due slot waits for a run.",
                       (f"max by (job_name) (trackside_job_overdue_seconds{{{_J}}})", "{{job_name}}"), unit="s"),
                series("Since it last completed", "How old its results are at most.",
                       (f"time() - max by (job_name) (trackside_job_last_success_timestamp_seconds{{{_J}}})", "{{job_name}}"), unit="s"),
                series("Open incidents", "Of the job itself.",
                       (f"max by (job_name) (trackside_job_incidents_open{{{_J}}})", "{{job_name}}"), link="/incidents?open=true"),
            ),
        ),
        Section(
            "One job: $one_job",
            (
                listing("Its runs", "From the hub, the latest first.", f"{OF_ONE_JOB}/runs?limit=50", "runs",
                        (("id", "run"), ("state", "state"), ("startedAt", "started"), ("durationMs", "ms"),
                         ("partition", "partition"), ("errorMessage", "error")),
                        page="/run?id=", width=14, height=12),
                listing("Its partitions one by one", "From the hub, the latest first: complete, failed, running, missing or stale.",
                        f"{OF_ONE_JOB}/partitions?limit=50", "partitions",
                        (("run.runId", "run"), ("partition", "partition"), ("status", "status"), ("updatedAt", "updated")),
                        page="/run?id=", width=10, height=12),
                grid("Its partitions", "By the time that they are for: complete, failed, running, missing or stale.",
                     f"{OF_ONE_JOB}/partitions?limit=1000&from=${{__from:date:iso}}&to=${{__to:date:iso}}", "partitions",
                     (("begin", "begin"), ("status", "status")), PARTITIONS, page="/job?namespace=${one_namespace:percentencode}&name=${one_job:percentencode}"),
                stored("Its runs in the time that is shown", "Up to 1,000, from the hub's PostgreSQL itself: for a hub on SQLite there is none to ask.",
                       RUNS, "run", page="/run?id=", height=10),
            ),
        ),
        Section(
            "The latest state",
            (
                table("State of the latest run", "1 for the state that it has.",
                      (f"max by (job_namespace, job_name, state) (trackside_job_last_run_state{{{_J}}} == 1)", ""), width=16),
                stat("Selected and not shown", "Jobs beyond `max_job_metrics`.", f"max(trackside_job_series_left_out{{{J}}})", steps=ODD, height=8),
                stat("Room for", "Jobs that are told one by one at most.", f"max(trackside_job_series_limit{{{J}}})", height=8),
            ),
        ),
    ),
    asks=("orchestrator", "team", "job_namespace", "job_name", *ONE),
    since="now-7d",
    page="/jobs",
)  # fmt: skip

FRESHNESS: Final = Board(
    "trackside-freshness",
    "Trackside / Freshness and promises",
    "Whether data is there in time, and how much is left.",
    (
        Section(
            "Now",
            (
                stat("Fresh", "Datasets of which a rule asks a freshness, and that have it.",
                     measured(f'sum(trackside_freshness_datasets{{{T},state="fresh"}})'), steps=((None, "green"),)),
                stat("Stale", "Those that are too old.",
                     measured(f'sum(trackside_freshness_datasets{{{T},state="stale"}})'), steps=ODD),
                stat("Next one is stale in", "Negative: since when one is.",
                     f"min(trackside_freshness_budget_left_seconds{{{T}}})", unit="s",
                     steps=((None, "red"), (0, "orange"), (1800, "green"))),
                stat("The oldest", "Age of the oldest dataset of which a freshness is asked.",
                     f"max(trackside_freshness_lag_seconds{{{T}}})", unit="s"),
            ),
        ),
        Section(
            "Over time",
            (
                series("Time left", "Until the next dataset is too old, by team and rule.",
                       (f"min by (team, rule) (trackside_freshness_budget_left_seconds{{{T}}})", "{{team}} {{rule}}"), unit="s", width=12),
                series("Age", "Of the oldest dataset.",
                       (f"max by (team, rule) (trackside_freshness_lag_seconds{{{T}}})", "{{team}} {{rule}}"), unit="s", width=12),
                series("Stale datasets", "By team.",
                       (f'sum by (team) (trackside_freshness_datasets{{{T},state="stale"}})', "{{team}}"), stacked=True),
                series("Promises", "Runs, slots and deadlines an hour, by whether they were kept.",
                       (f"sum by (result) (rate(trackside_promises_total{{{T}}}[$__rate_interval])) * 3600", "{{result}}"), stacked=True, link="/teams"),
                series("Kept in 28 days", "By team.",
                       (f"namespace_job_team:trackside_attainment:ratio_28d{{{T}}}", "{{team}}"), unit="percentunit", max=1),
            ),
        ),
        Section("Which", (_which("Stale datasets", "freshness"),)),
    ),
    page="/datasets",
)  # fmt: skip

DATASETS: Final = Board(
    "trackside-datasets",
    "Trackside / Datasets and quality",
    "What is written, and how good it is.",
    (
        Section(
            "What happens",
            (
                series("Updates", "Datasets written an hour, by team.",
                       (f"sum by (team) (rate(trackside_dataset_updates_total{{{T}}}[$__rate_interval])) * 3600", "{{team}}"), stacked=True),
                series("Checks that turned", "In the last hour, by what their result is now.",
                       (f"sum by (result) (increase(trackside_check_changes_total{{{T}}}[1h]))", "{{result}}")),
                series("Columns changed", "Datasets whose columns changed, in the last hour.",
                       (f"sum by (team) (increase(trackside_schema_changes_total{{{T}}}[1h]))", "{{team}}")),
            ),
        ),
        Section(
            "What is wrong",
            (
                series("Open incidents of data", "Checks, volumes, columns, freshness.",
                       (f'sum by (kind) (trackside_incidents_open{{{T},kind=~"failed_check|volume|schema_change|freshness|missing_partition"}})', "{{kind}}"),
                       stacked=True, width=16, link="/incidents?open=true"),
                stat("Datasets", "That the hub knows of.", f'max(trackside_known{{{J},noun="datasets"}})'),
                stat("Jobs", "That the hub knows of.", f'max(trackside_known{{{J},noun="jobs"}})', link="/jobs"),
            ),
        ),
        Section(
            "Which",
            (
                _which("Incidents of checks", "failed_check"),
                _which("Stale datasets", "freshness"),
            ),
        ),
    ),
    page="/datasets",
)  # fmt: skip
