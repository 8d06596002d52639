"""For people who want to know whether all is well: overview, team, incidents."""

from __future__ import annotations

from functools import partial
from typing import Final

from dashboards.grafana.panels import (
    BAD,
    DARK,
    LEFT,
    ODD,
    OT,
    Board,
    J,
    Section,
    T,
    listing,
    measured,
    series,
    stat,
    table,
)

_INCIDENT_COLUMNS: Final = (
    ("id", "incident"),
    ("openedAt", "opened"),
    ("severity", "severity"),
    ("state", "state"),
    ("rule", "rule"),
    ("team", "team"),
    ("reason", "what"),
)
_SEVERITY: Final = "{{severity}}"

_HOLDS: Final = f'trackside_lease_held{{{J},loop="figures"}}'
#: 1, or 0 where a hub that was there within a day is not, or nobody measures; 0 where there is none.
_ALL_MEASURED: Final = (
    f"min(max by (job) ({_HOLDS}) or 0 * max by (job) (max_over_time({_HOLDS}[1d]))) or vector(0)"
)
_stat = partial(stat, width=3)

_HEALTH: Final = Section(
    "Is everything all right?",
    (
        _stat("Hub", "Whether all hubs of the last day are there and measure the world; if not, what stands beside is not known.",
              _ALL_MEASURED, steps=DARK, words=("in the dark", "measured"), link="/"),
        _stat("Replicas", "Of the hub, that answer Prometheus.",
              f"count(trackside_build_info{{{J}}}) or vector(0)", steps=DARK, link="/"),
        _stat("Open incidents", "Incidents of any severity that are not over.",
              measured(f"sum(trackside_incidents_open{{{T}}})"), steps=ODD, link="/incidents?open=true"),
        _stat("Errors", "Open incidents that are at least errors, and that nobody has acknowledged.",
              measured(f'sum(trackside_incidents_open{{{T},severity=~"error|critical",state="OPEN"}})'), steps=BAD, link="/incidents?open=true&state=OPEN"),
        _stat("Slots overdue", "Jobs whose slot is due and has no run yet.",
              measured(f"sum(trackside_slots_overdue{{{T}}})"), steps=ODD, link="/jobs"),
        _stat("Stale datasets", "Datasets that are older than a rule lets them be.",
              measured(f'sum(trackside_freshness_datasets{{{T},state="stale"}})'), steps=ODD, link="/datasets"),
        _stat("Runs at work", "Runs that have begun and not ended, parts of others included.",
              measured(f'sum(trackside_runs_open{{{T},state="RUNNING"}})'), link="/jobs?state=RUNNING"),
        _stat("Blind for", "How long ago all that an orchestrator knew was known here, of the worst one.",
              f"max(trackside_watermark_lag_seconds{{{J}}})", unit="s",
              steps=((None, "green"), (300, "orange"), (900, "red")), link="/orchestrators"),
    ),
)  # fmt: skip

OVERVIEW: Final = Board(
    "trackside-overview",
    "Trackside / Overview",
    "Is everything all right, and if not, whose is it?",
    (
        _HEALTH,
        Section(
            "By team",
            (
                series("Open incidents", "Incidents that are not over, by team.",
                       (f"sum by (team) (trackside_incidents_open{{{T}}})", "{{team}}"), stacked=True, link="/incidents?open=true"),
                series("Runs that ended", "Runs an hour, by how they ended; without parts of others this is what people see.",
                       (f"sum by (state) (rate(trackside_runs_ended_total{{{T}}}[$__rate_interval])) * 3600", "{{state}}"),
                       stacked=True),
                series("Budget left", "Of the promises that a team may break in 28 days, the share that is left; -100 % stands for less, too.",
                       (f"clamp_min(namespace_job_team:trackside_budget_left:ratio_28d{{{T}}}, -1)", "{{team}}"), unit="percentunit", steps=LEFT, link="/teams"),
            ),
        ),
        Section(
            "By orchestrator",
            (
                series("Watermark", "How long ago all that it knew was known here.",
                       (f"max by (orchestrator) (trackside_watermark_lag_seconds{{{J}}})", "{{orchestrator}}"), unit="s", link="/orchestrators"),
                series("Work that waits", "Queued in all its pools.",
                       (f"sum by (orchestrator) (trackside_backlog_queued{{{J}}})", "{{orchestrator}}"), stacked=True, link="/orchestrators"),
                table("Health", "What each orchestrator says of itself as a whole.",
                      (f"max by (orchestrator, status) (trackside_orchestrator_health{{{J}}})", ""), link="/orchestrators"),
            ),
        ),
        Section(
            "What is wrong now",
            (
                listing("Incidents", "Open incidents without their consequences, from the hub.",
                        "/api/v1/incidents?open=true&roots=true&limit=50", "incidents", _INCIDENT_COLUMNS,
                        page="/incident?id=", link="/incidents?open=true&roots=true"),
            ),
        ),
    ),
    page="/",
)  # fmt: skip

TEAM: Final = Board(
    "trackside-team",
    "Trackside / Team",
    "One team's promises, runs and data.",
    (
        Section(
            "Promises",
            (
                stat("Kept in 28 days", "Share of runs, slots and deadlines that were kept.",
                     f"min(namespace_job_team:trackside_attainment:ratio_28d{{{T}}})", unit="percentunit", height=8, max=1,
                     steps=((None, "red"), (0.95, "orange"), (0.99, "green"))),
                stat("Objective", "Which share the team wants to keep.",
                     f"max(trackside_objective_ratio{{{T}}})", unit="percentunit", height=8, max=1),
                stat("Budget left", "Of what may be broken in 28 days.",
                     f"clamp_min(min(namespace_job_team:trackside_budget_left:ratio_28d{{{T}}}), -1)", unit="percentunit", height=8, steps=LEFT),
                series("Burn of the budget", "1 uses it up in exactly 28 days.",
                       (f"namespace_job_team:trackside_budget_burn:ratio_1h{{{T}}}", "{{team}}, 1 h"),
                       (f"namespace_job_team:trackside_budget_burn:ratio_3d{{{T}}}", "{{team}}, 3 d"), width=12),
            ),
        ),
        Section(
            "Runs",
            (
                series("Ended, by how", "Runs an hour.",
                       (f"sum by (state) (rate(trackside_runs_ended_total{{{OT}}}[$__rate_interval])) * 3600", "{{state}}"),
                       stacked=True),
                series("Duration", "Of runs that completed and are no part of another.",
                       (f"histogram_quantile(0.5, sum by (le) (rate(trackside_run_duration_seconds_bucket{{{OT}}}[$__rate_interval])))", "half"),
                       (f"histogram_quantile(0.95, sum by (le) (rate(trackside_run_duration_seconds_bucket{{{OT}}}[$__rate_interval])))", "95 %"),
                       unit="s"),
                series("Duration by what was expected", "1 is as ever; by the baseline of each job.",
                       (f"histogram_quantile(0.5, sum by (le) (rate(trackside_run_baseline_ratio_bucket{{{OT}}}[$__rate_interval])))", "half"),
                       (f"histogram_quantile(0.95, sum by (le) (rate(trackside_run_baseline_ratio_bucket{{{OT}}}[$__rate_interval])))", "95 %")),
                series("Lateness", "How long after their slot was due runs started.",
                       (f"histogram_quantile(0.95, sum by (le) (rate(trackside_start_lateness_seconds_bucket{{{OT}}}[$__rate_interval])))", "95 %"),
                       unit="s"),
                series("Slots missed", "In the last hour.",
                       (f"sum by (orchestrator) (increase(trackside_slots_missed_total{{{OT}}}[1h]))", "{{orchestrator}}")),
                series("At work", "Runs that have not ended, by state.",
                       (f"sum by (state) (trackside_runs_open{{{OT}}})", "{{state}}"), stacked=True),
            ),
        ),
    ),
    asks=("orchestrator", "team"),
    page="/teams",
)  # fmt: skip

INCIDENTS: Final = Board(
    "trackside-incidents",
    "Trackside / Incidents and alert quality",
    "What is wrong, what became of it, and whether people are called for good reasons.",
    (
        Section(
            "Now",
            (
                series("Open, by severity", "Incidents that are not over.",
                       (f"sum by (severity) (trackside_incidents_open{{{T}}})", _SEVERITY), stacked=True),
                series("Open, by kind of rule", "Incidents that are not over.",
                       (f"sum by (kind) (trackside_incidents_open{{{T}}})", "{{kind}}"), stacked=True),
                series("Open, by state", "Whether somebody is at them.",
                       (f"sum by (state) (trackside_incidents_open{{{T}}})", "{{state}}"), stacked=True),
            ),
        ),
        Section(
            "What became of them",
            (
                series("Transitions", "In the last hour.",
                       (f"sum by (transition) (increase(trackside_incident_transitions_total{{{T}}}[1h]))", "{{transition}}"),
                       width=12),
                series("Opened, by kind of rule", "In the last hour.",
                       (f'sum by (kind) (increase(trackside_incident_transitions_total{{{T},transition=~"opened|reopened"}}[1h]))', "{{kind}}"),
                       width=12, stacked=True),
            ),
        ),
        Section(
            "Are the alerts good?",
            (
                series("Notifications in 7 days", "More than two a shift wear people out.",
                       (f"max by (team) (trackside_alert_notifications{{{T}}})", "{{team}}"), link="/quality"),
                series("Acknowledged", "Of the incidents that were told, those that somebody took.",
                       (f"max by (team) (trackside_alert_acknowledged_ratio{{{T}}})", "{{team}}"), unit="percentunit", max=1, link="/quality"),
                series("Over by themselves", "Within five minutes: those were not worth a call.",
                       (f"max by (team) (trackside_alert_self_resolved_ratio{{{T}}})", "{{team}}"), unit="percentunit", max=1, link="/quality"),
                series("Deliveries", "Attempts an hour, by target and result.",
                       (f"sum by (target, result) (rate(trackside_deliveries_total{{{J}}}[$__rate_interval])) * 3600", "{{target}} {{result}}"), link="/settings"),
                series("Longest due delivery", "How long somebody should have known already.",
                       (f"max by (target) (trackside_delivery_lag_seconds{{{J}}})", "{{target}}"), unit="s", link="/settings"),
                series("Given up", "Deliveries that wait for somebody to send them again.",
                       (f"max by (target) (trackside_deliveries_dead{{{J}}})", "{{target}}"), link="/settings"),
            ),
        ),
        Section(
            "All that is open",
            (
                listing("Incidents", "From the hub, the latest first.",
                        "/api/v1/incidents?open=true&limit=100", "incidents", _INCIDENT_COLUMNS, page="/incident?id="),
            ),
        ),
    ),
    since="now-7d",
    page="/incidents?open=true",
)  # fmt: skip
