"""When the hub itself is in trouble, or a team's promises are.

What happens to single jobs is told by the hub's own rules, with cause and evidence; these alerts
are for what it can't tell itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from dashboards.prometheus.recording import HUB as EACH
from dashboards.prometheus.recording import TEAM, burn

#: Where the runbooks are; another place is told with `trackside dashboards export --runbooks`.
RUNBOOKS: Final = "https://trackside.example/docs/runbooks"


@dataclass(frozen=True, slots=True)
class Alert:
    """lasts: so long it must be so. says: what people read."""

    name: str
    expr: str
    lasts: str
    severity: str
    says: str

    def rule(self, runbooks: str) -> dict[str, Any]:
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": self.lasts,
            "labels": {"severity": self.severity, "product": "trackside"},
            "annotations": {
                "summary": self.says,
                "runbook_url": f"{runbooks.rstrip('/')}/{self.name}.md",
            },
        }


_TAKEN: Final = 'trackside_events_total{result=~"recorded|duplicate"}'

HUB: Final = (
    Alert("TracksideGone",
          "absent(last_over_time(trackside_build_info[6h]))"
          f" or (group by ({EACH}) (last_over_time(trackside_build_info[6h]))"
          f" unless group by ({EACH}) (trackside_build_info))", "5m", "critical",
          "No hub is scraped{{ with $labels.job }} as {{ . }}{{ end }}: nothing is recorded, judged or told"),
    Alert("TracksideNobodyMeasures",
          f'sum by ({EACH}) (trackside_lease_held{{loop="figures"}}) == 0', "5m", "critical",
          "No replica holds the lease: rules may not be evaluated either"),
    # Orchestrators come and go, and the loops that poll them with them.
    Alert("TracksideNobodyRuns",
          f'sum by ({EACH}, loop) (trackside_lease_held{{loop!~"figures|poll .*"}}) == 0', "5m", "critical",
          "No replica runs the loop {{ $labels.loop }}"),
    Alert("TracksideHeld", f"max by ({EACH}) (trackside_held) > 0", "15m", "error",
          "Nobody is told and nothing launched since the store was restored: it waits for a person"),
    Alert("TracksideLoopFails",
          'sum by (loop) (increase(trackside_loop_runs_total{result="failed"}[15m])) >= 3', "5m", "error",
          "The loop {{ $labels.loop }} fails again and again"),
    Alert("TracksideReaderBehind", "max by (reader) (trackside_changes_unread) > 20000", "15m", "warning",
          "{{ $labels.reader }} has {{ $value | humanize }} changes to read yet"),
    Alert("TracksideWriterSlow", "namespace_job:trackside_commit_seconds:p99 > 1", "10m", "warning",
          "The slowest commits take {{ $value | humanizeDuration }}"),
    Alert("TracksideQueueFills", "max by (instance) (trackside_queue_events) > 10000", "5m", "error",
          "{{ $value | humanize }} events wait for the writer of {{ $labels.instance }}"),
    Alert("TracksideOverloaded",
          f'sum by ({EACH}) (rate(trackside_events_total{{result="overloaded"}}[5m])) > 0', "5m", "error",
          "Senders are told to come again later"),
    Alert("TracksideDeadLetters", "sum(increase(trackside_dead_letters_parked_total[1h])) > 0", "0m", "warning",
          "{{ $value | humanize }} inputs could not be understood in the last hour"),
    Alert("TracksideErrors",
          f'sum by ({EACH}) (rate(trackside_http_requests_total{{status=~"5.."}}[10m]))'
          f" / sum by ({EACH}) (rate(trackside_http_requests_total[10m])) > 0.05", "10m", "error",
          "{{ $value | humanizePercentage }} of the requests are answered with an error"),
    # A hub that only asks orchestrators, or is new, is right to hear nothing.
    Alert("TracksideHearsNothing",
          f"sum by ({EACH}) (rate({_TAKEN}[1h])) == 0 and sum by ({EACH}) (increase({_TAKEN}[3d])) > 0",
          "1h", "warning", "No lineage event has come for an hour or more"),
    Alert("TracksideSeriesLeftOut", "max by (metric) (trackside_series_left_out) > 0", "30m", "info",
          "{{ $labels.metric }} has no room for {{ $value }} series"),
)  # fmt: skip

ORCHESTRATORS: Final = (
    Alert("TracksideOrchestratorBehind",
          "max by (orchestrator) (trackside_watermark_lag_seconds) > 600", "5m", "warning",
          "All of {{ $labels.orchestrator }} is known only up to {{ $value | humanizeDuration }} ago"),
    Alert("TracksideOrchestratorAway", "max by (orchestrator) (trackside_poll_failures) >= 3", "5m", "error",
          "{{ $labels.orchestrator }} has not answered {{ $value }} times in a row"),
    Alert("TracksideOrchestratorDown",
          'max by (orchestrator) (trackside_orchestrator_health{status="DOWN"}) > 0', "5m", "error",
          "{{ $labels.orchestrator }} says of itself that it is down"),
)  # fmt: skip


def _new(label: str, gauge: str) -> str:
    """More than six hours ago. What nobody wants any more, as of a target that was taken away, stays
    given up: told for ever it would hide what is new.
    """
    now = f"max by ({label}) ({gauge})"
    return f"{now} - (max by ({label}) ({gauge} offset 6h) or {now} * 0) > 0"


TELLING: Final = (
    Alert("TracksideTellsLate", "max by (target) (trackside_delivery_lag_seconds) > 60", "5m", "critical",
          "{{ $labels.target }} should have been told {{ $value | humanizeDuration }} ago"),
    Alert("TracksideGaveUpTelling", _new("target", "trackside_deliveries_dead"), "0m", "error",
          "{{ $value }} deliveries to {{ $labels.target }} were given up in the last six hours"),
)  # fmt: skip

LAUNCHING: Final = (
    Alert("TracksideLaunchesLate", "max by (orchestrator) (trackside_launch_lag_seconds) > 60", "5m", "error",
          "{{ $labels.orchestrator }} should have been asked for a run {{ $value | humanizeDuration }} ago"),
    Alert("TracksideGaveUpLaunching", _new("orchestrator", "trackside_launches_dead"), "0m", "error",
          "{{ $value }} launches of {{ $labels.orchestrator }} were given up in the last six hours"),
    Alert("TracksideLaunchesStopped", f"max by ({EACH}) (trackside_launches_stopped) > 0", "1h", "warning",
          "All launches have been stopped for an hour or more"),
)  # fmt: skip

_KAFKA_LAG: Final = (
    "sum by (consumer) (max by (consumer, topic, partition) (trackside_kafka_lag_messages))"
)

#: Other ways in than the door, and on to others.
WAYS: Final = (
    Alert("TracksideSensorFails",
          'sum by (sensor) (increase(trackside_sensor_looks_total{result="failed"}[1h])) > 1 unless'
          ' sum by (sensor) (increase(trackside_sensor_looks_total{result=~"seen|waiting"}[1h])) > 0',
          "15m", "warning", "The sensor {{ $labels.sensor }} can't look: what it waits for is not seen"),
    Alert("TracksideKafkaTrouble", "max by (consumer) (trackside_kafka_trouble) > 0", "5m", "error",
          "The Kafka consumer {{ $labels.consumer }} takes nothing"),
    Alert("TracksideKafkaBehind",
          f"{_KAFKA_LAG} > 1000 and deriv(({_KAFKA_LAG})[15m:1m]) > 0", "15m", "warning",
          "{{ $value | humanize }} messages of the Kafka consumer {{ $labels.consumer }} are not in the store, and it grows"),
    Alert("TracksideForwardTrouble", "max by (receiver) (trackside_forward_trouble) > 0", "5m", "error",
          "The receiver {{ $labels.receiver }} takes nothing"),
    Alert("TracksideForwardBehind", "max by (receiver) (trackside_forward_lag_seconds) > 300", "10m", "warning",
          "The receiver {{ $labels.receiver }} lacks events that came in {{ $value | humanizeDuration }} ago"),
    Alert("TracksideForwardParked", "max by (receiver) (trackside_forward_parked) > 0", "0m", "warning",
          "The receiver {{ $labels.receiver }} did not take {{ $value | humanize }} events"),
    Alert("TracksideForwardLost",
          'sum by (receiver) (increase(trackside_forward_events_total{result="passed_over"}[1h])) > 0',
          "0m", "error",
          "{{ $value | humanize }} events were deleted before the receiver {{ $labels.receiver }} had them"),
    Alert("TracksideSignalsStop",
          'sum by (orchestrator, source) (rate(trackside_signals_total{result="used"}[10m])) == 0',
          "10m", "warning",
          "{{ $labels.orchestrator }} tells nothing over {{ $labels.source }} any more"),
    Alert("TracksideSignalsMalformed",
          'sum by (orchestrator, source) (increase(trackside_signals_total{result="malformed"}[15m])) > 0',
          "15m", "warning",
          "What {{ $labels.orchestrator }} tells over {{ $labels.source }} can't be read"),
)  # fmt: skip

PROMISES: Final = (
    Alert("TracksideBudgetBurnsFast", f"{burn('1h')} > 14 and on ({TEAM}) {burn('6h')} > 7", "5m", "error",
          "Team {{ $labels.team }} breaks its promises {{ $value | humanize }} times as often as it may"),
    Alert("TracksideBudgetBurns", f"{burn('6h')} > 3 and on ({TEAM}) {burn('3d')} > 1", "1h", "warning",
          "Team {{ $labels.team }} will have used up its budget before the 28 days are over"),
)  # fmt: skip

GROUPS: Final = {
    "trackside.hub": HUB,
    "trackside.orchestrators": ORCHESTRATORS,
    "trackside.telling": TELLING,
    "trackside.launching": LAUNCHING,
    "trackside.ways": WAYS,
    "trackside.promises": PROMISES,
}


def every() -> Iterator[Alert]:
    for alerts in GROUPS.values():
        yield from alerts


def groups(runbooks: str = RUNBOOKS) -> dict[str, Any]:
    return {
        "groups": [
            {"name": name, "rules": [one.rule(runbooks) for one in alerts]}
            for name, alerts in GROUPS.items()
        ]
    }
