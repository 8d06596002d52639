"""For people who have jobs launched when data is there."""

from __future__ import annotations

from typing import Final

from dashboards.grafana.panels import (
    BAD,
    ODD,
    Board,
    J,
    O,
    Section,
    listing,
    measured,
    series,
    stat,
)

_BY: Final = "{{orchestrator}}"

TRIGGERS: Final = Board(
    "trackside-triggers",
    "Trackside / Triggers and launches",
    "What updates lead to, and whether launches go out.",
    (
        Section(
            "Now",
            (
                stat("Launches that wait", "Due, or held by a pause, a limit or a breaker.",
                     measured(f"sum(trackside_launches_open{{{O}}})"), steps=ODD, link="/launches"),
                stat("The longest waits for", "Since it was due.",
                     measured(f"max(trackside_launch_lag_seconds{{{O}}})"), unit="s",
                     steps=((None, "green"), (60, "orange"), (600, "red")), link="/launches?state=due"),
                stat("Given up", "Launches that wait for somebody to ask for them again.",
                     measured(f"sum(trackside_launches_dead{{{O}}})"), steps=BAD, link="/launches?state=dead"),
                stat("All stopped", "1 while somebody has stopped the launches as a whole.",
                     f"max(trackside_launches_stopped{{{J}}})", steps=BAD),
                stat("Held since a restore", "1 while nothing leaves the hub.", f"max(trackside_held{{{J}}})", steps=BAD),
                stat("Behind", "How old the oldest change was that the trigger loop has just read.",
                     f"max(trackside_trigger_lag_seconds{{{J}}})", unit="s", steps=((None, "green"), (2, "orange"), (60, "red"))),
            ),
        ),
        Section(
            "From updates to launches",
            (
                series("Updates", "As subscriptions saw them, an hour, by what became of them.",
                       (f"sum by (fate) (rate(trackside_arrivals_total{{{J}}}[$__rate_interval])) * 3600", "{{fate}}"), stacked=True),
                series("Launches", "Asked of orchestrators an hour, by result.",
                       (f"sum by (orchestrator, result) (rate(trackside_launches_total{{{O}}}[$__rate_interval])) * 3600", "{{orchestrator}} {{result}}"),
                       stacked=True, link="/launches"),
                series("How long a launch takes", "95 % of them take less.",
                       (f"histogram_quantile(0.95, sum by (orchestrator, le) (rate(trackside_launch_seconds_bucket{{{O}}}[$__rate_interval])))", _BY),
                       unit="s", link="/launches"),
                series("Not taken yet", "By state.",
                       (f"sum by (orchestrator, state) (trackside_launches_open{{{O}}})", "{{orchestrator}} {{state}}"), stacked=True, link="/launches"),
                series("The longest due", "How long it waits.",
                       (f"max by (orchestrator) (trackside_launch_lag_seconds{{{O}}})", _BY), unit="s", link="/launches?state=due"),
                series("Given up", "By orchestrator.",
                       (f"max by (orchestrator) (trackside_launches_dead{{{O}}})", _BY), link="/launches?state=dead"),
            ),
        ),
        Section(
            "What waits",
            (
                series("Conditions that wait", "Partitions of a target for which updates are there, and more are waited for, or something holds them.",
                       (f"max by (subscription, state) (trackside_conditions_waiting{{{J}}})", "{{subscription}} {{state}}"),
                       stacked=True, width=12),
                series("The oldest waits for", "Since its first update came.",
                       (f"max by (subscription) (trackside_condition_oldest_wait_seconds{{{J}}})", "{{subscription}}"), unit="s", width=12),
            ),
        ),
        Section(
            "Gates, sensors, backfills",
            (
                series("Answers of gates", "An hour.",
                       (f"sum by (result) (rate(trackside_gate_answers_total{{{J}}}[$__rate_interval])) * 3600", "{{result}}"), stacked=True, link="/datasets"),
                series("Looks through sensors", "An hour, by what they saw.",
                       (f"sum by (sensor, result) (rate(trackside_sensor_looks_total{{{J}}}[$__rate_interval])) * 3600", "{{sensor}} {{result}}"),
                       stacked=True, link="/datasets"),
                series("Steps of backfills", "Of those that are not over.",
                       (f"max by (state) (trackside_backfill_steps{{{J}}})", "{{state}}"), stacked=True, link="/backfills"),
            ),
        ),
        Section(
            "The latest launches",
            (
                listing("Launches", "From the hub, the latest first.", "/api/v1/launches?limit=50", "launches",
                        (("id", "launch"), ("state", "state"), ("orchestrator", "orchestrator"), ("job.name", "job"),
                         ("partition", "partition"), ("attempts", "attempts"), ("reason", "why")),
                        page="/launch?id="),
            ),
        ),
    ),
    asks=("orchestrator",),
    page="/triggers",
)  # fmt: skip
