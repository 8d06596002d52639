"""For people who run the hub."""

from __future__ import annotations

from typing import Final

from dashboards.grafana.panels import (
    BAD,
    ODD,
    Board,
    I,
    J,
    Section,
    measured,
    scraped,
    series,
    stat,
)

HUB: Final = Board(
    "trackside-hub",
    "Trackside / Hub internals",
    "Whether the hub itself does what it should.",
    (
        Section(
            "At a glance",
            (
                stat("Replicas", "That are scraped.", f"count(trackside_build_info{{{I}}})"),
                stat("Leaders", "Replicas that measure the world: one.", f'sum(trackside_lease_held{{{J},loop="figures"}})',
                     steps=((None, "red"), (1, "green"), (2, "red"))),
                stat("Rounds that failed", "In the last hour, of all loops.",
                     scraped(f'sum(increase(trackside_loop_runs_total{{{I},result="failed"}}[1h]))'), steps=BAD),
                stat("Dead letters", "Input that could not be understood, kept.", f"max(trackside_dead_letters{{{J}}})", steps=ODD),
                stat("Store", "On disk.", f"max(trackside_store_size_bytes{{{J}}})", unit="bytes"),
                stat("Series left out", "Label values that metrics have no room for.", measured(f"sum(trackside_series_left_out{{{J}}})"), steps=ODD),
            ),
        ),
        Section(
            "The door",
            (
                series("Events", "A second, by what became of them.",
                       (f"sum by (result) (rate(trackside_events_total{{{I}}}[$__rate_interval]))", "{{result}}"), unit="ops", stacked=True),
                series("How long a commit takes", "Of the writer's batches.",
                       (f"histogram_quantile(0.5, sum by (le) (rate(trackside_commit_seconds_bucket{{{I}}}[$__rate_interval])))", "half"),
                       (f"histogram_quantile(0.99, sum by (le) (rate(trackside_commit_seconds_bucket{{{I}}}[$__rate_interval])))", "99 %"), unit="s"),
                series("Waiting for the writer", "Events, by replica.",
                       (f"max by (instance) (trackside_queue_events{{{I}}})", "{{instance}}")),
                series("Requests", "A second, by status.",
                       (f"sum by (status) (rate(trackside_http_requests_total{{{I}}}[$__rate_interval]))", "{{status}}"), unit="reqps", stacked=True),
                series("How long an answer takes", "95 % take less, by route.",
                       (f"histogram_quantile(0.95, sum by (route, le) (rate(trackside_http_request_seconds_bucket{{{I}}}[$__rate_interval])))", "{{route}}"), unit="s"),
                series("Dead letters", "Set aside in the last hour.",
                       (f"sum by (instance) (increase(trackside_dead_letters_parked_total{{{I}}}[1h]))", "{{instance}}")),
            ),
        ),
        Section(
            "Loops",
            (
                series("How late they begin", "By loop; `requests` is the event loop that answers.",
                       (f"max by (loop) (trackside_loop_lag_seconds{{{I}}})", "{{loop}}"), unit="s"),
                series("How long a round takes", "95 % take less.",
                       (f"histogram_quantile(0.95, sum by (loop, le) (rate(trackside_loop_seconds_bucket{{{I}}}[$__rate_interval])))", "{{loop}}"), unit="s"),
                series("Changes not read yet", "By reader.",
                       (f"max by (reader) (trackside_changes_unread{{{J}}})", "{{reader}}")),
                series("Who runs what", "1 where the replica holds the lease.",
                       (f"max by (instance, loop) (trackside_lease_held{{{I}}})", "{{instance}} {{loop}}")),
                series("Measuring the world", "How long it takes.",
                       (f"max by (instance) (trackside_figures_seconds{{{J}}})", "{{instance}}"), unit="s"),
                series("What is not told", "Counted as `other` in the last hour, by metric.",
                       (f"sum by (metric) (increase(trackside_series_folded_total{{{J}}}[1h]))", "{{metric}}")),
            ),
        ),
        Section(
            "The process",
            (
                series("CPU", "Cores.", (f"sum by (instance) (rate(process_cpu_seconds_total{{{I}}}[$__rate_interval]))", "{{instance}}")),
                series("Memory", "Resident.", (f"max by (instance) (process_resident_memory_bytes{{{I}}})", "{{instance}}"), unit="bytes"),
                series("Open files", "Connections included.", (f"max by (instance) (process_open_fds{{{I}}})", "{{instance}}")),
            ),
        ),
    ),
    asks=("instance",),
    since="now-6h",
    page="/settings",
)  # fmt: skip
