"""Metrics keep to the rules by which `promtool check metrics` judges."""

import math
import re

import pytest
from prometheus_client import Counter, Histogram, Metric, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as open_families,
)
from prometheus_client.parser import text_string_to_metric_families

from hub.metrics import Metrics
from hub.metrics.declare import MOST_HISTOGRAMS, MOST_SERIES

FAMILIES = [
    family for family in Metrics().registry.collect() if family.name.startswith("trackside_")
]
ABBREVIATED = {
    "ms",
    "s",
    "sec",
    "secs",
    "kb",
    "mb",
    "gb",
    "b",
    "pct",
    "percent",
    "minutes",
    "hours",
}
TYPES = {"counter", "gauge", "histogram", "summary"}


@pytest.mark.parametrize("family", FAMILIES, ids=[family.name for family in FAMILIES])
class TestEveryFamily:
    def test_has_a_plain_name_in_base_units(self, family: Metric) -> None:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", family.name)
        words = set(family.name.split("_"))
        assert not words & (ABBREVIATED | TYPES)

    def test_says_what_it_is(self, family: Metric) -> None:
        assert len(family.documentation) > 10
        assert not family.documentation.endswith(".")

    def test_does_not_end_like_another_type(self, family: Metric) -> None:
        assert not family.name.endswith(("_total", "_count", "_sum", "_bucket"))


def test_what_the_issue_asks_for_is_there() -> None:
    names = {family.name for family in FAMILIES}
    assert names >= {
        "trackside_events",
        "trackside_queue_events",
        "trackside_queue_bytes",
        "trackside_commit_seconds",
        "trackside_batch_events",
        "trackside_dead_letters",
        "trackside_store_size_bytes",
        "trackside_loop_lag_seconds",
        "trackside_http_requests",
    }


def test_what_is_rendered_can_be_parsed_and_tells_of_the_process() -> None:
    metrics = Metrics()
    metrics.observe_batch(500, 0.02)
    metrics.events.labels("run", "recorded").inc(3)
    families = {f.name: f for f in text_string_to_metric_families(metrics.render().decode())}
    assert families["trackside_events"].samples[0].value == 3
    assert "process_resident_memory_bytes" in families
    assert not [name for name in families if name.endswith("_created")]


def test_each_result_is_there_at_zero_before_the_first_one_comes() -> None:
    metrics = Metrics()
    taken = {"type": "run", "result": "recorded"}
    assert metrics.registry.get_sample_value("trackside_events_total", taken) == 0
    metrics.begin_forward("catalog")
    metrics.begin_signals("af", "statsd")
    metrics.loop_ended("evaluate", failed=False, seconds=0.1)
    metrics.polled("af", result="done", seconds=0.1, requests=1)
    metrics.delivery_ended("oncall", result="delivered", seconds=0.1, key="k")
    metrics.launch_ended("af", result="launched", seconds=0.1, launch=1)
    metrics.sensor_looked("flag", result="seen")
    zeros = {
        "forward_events": "passed_over",
        "signals": "malformed",
        "loop_runs": "failed",
        "polls": "failed",
        "deliveries": "dead",
        "launches": "dead",
        "sensor_looks": "failed",
    }
    for name, result in zeros.items():
        told = series(metrics, name)
        assert [value for labels, value in told.items() if f"'{result}'" in labels] == [0.0], name


def test_two_hubs_in_one_process_count_apart() -> None:
    first, second = Metrics(), Metrics()
    first.queue_events.set(1)
    assert b"trackside_queue_events 0.0" in second.render()


def series(metrics: Metrics, name: str) -> dict[str, float]:
    families = metrics.registry.collect()
    (family,) = [one for one in families if one.name == f"trackside_{name}"]
    return {str(one.labels): one.value for one in family.samples}


def test_no_label_names_a_run_and_only_selected_jobs_are_told_by_name() -> None:
    metrics = Metrics()
    world = {name: one._labelnames for name, one in metrics.world.made.items()}
    labels = {label for names in world.values() for label in names}
    assert not labels & {"run", "run_id", "job", "job_name", "dataset", "partition", "instance"}


def test_a_gauge_of_the_world_keeps_the_greatest_and_says_what_it_leaves_out() -> None:
    metrics = Metrics()
    world = metrics.world
    waits: dict[tuple[str, ...], float] = {
        ("af", f"pool {number}"): float(number) for number in range(MOST_SERIES + 7)
    }
    world.tell(world.backlog_queued, waits)
    told = series(metrics, "backlog_queued")
    assert len(told) == MOST_SERIES
    assert min(told.values()) == 7
    assert list(series(metrics, "series_left_out").values()) == [7]
    world.tell(world.backlog_queued, {("af", "one"): 1.0})
    assert list(series(metrics, "backlog_queued").values()) == [1]


def test_where_few_is_worse_the_least_are_kept() -> None:
    metrics = Metrics()
    world = metrics.world
    left: dict[tuple[str, ...], float] = {
        ("data", f"rule {number}"): float(number) for number in range(MOST_SERIES + 1)
    }
    world.tell(world.freshness_left_seconds, left, least=True)
    assert max(series(metrics, "freshness_budget_left_seconds").values()) == MOST_SERIES - 1


def test_what_is_counted_beyond_the_room_of_a_metric_is_other_and_shows() -> None:
    metrics = Metrics()
    world = metrics.world
    for number in range(MOST_HISTOGRAMS + 3):
        world.observe(world.run_seconds, 60.0, f"orchestrator {number}", "data")
    value = metrics.registry.get_sample_value
    other = {"orchestrator": "other", "team": "other"}
    assert value("trackside_run_duration_seconds_count", other) == 3
    assert value("trackside_series_folded_total", {"metric": "trackside_run_duration_seconds"}) == 3
    for number in range(MOST_SERIES + 1):
        world.count(world.promises, f"team {number}", "kept")
    assert value("trackside_promises_total", {"team": "other", "result": "kept"}) == 1


def test_a_replica_that_does_not_measure_tells_no_gauge_of_the_world() -> None:
    metrics = Metrics()
    metrics.world.store_bytes.set(5)
    metrics.world.tell(metrics.world.known, {("jobs",): 3.0})
    metrics.forget_world()
    assert series(metrics, "known") == {}
    assert str(series(metrics, "store_size_bytes")["{}"]) == "nan"


def test_openmetrics_is_told_with_what_an_observation_was_of() -> None:
    metrics = Metrics()
    metrics.delivery_ended("pager", result="delivered", seconds=0.3, key="ab-12")
    metrics.launch_ended("prod", result="launched", seconds=2.0, launch=7)
    told_of = open_families(metrics.render_open().decode())  # type: ignore[no-untyped-call]
    families = {family.name: family for family in told_of}
    told = {
        name: [one.exemplar.labels for one in families[name].samples if one.exemplar]
        for name in ("trackside_delivery_seconds", "trackside_launch_seconds")
    }
    assert told == {
        "trackside_delivery_seconds": [{"key": "ab-12"}],
        "trackside_launch_seconds": [{"launch": "7"}],
    }
    assert b"# {" not in metrics.render()


def _ours(text: bytes) -> list[str]:
    return [line for line in text.decode().splitlines() if "trackside_" in line]


def _without_times(text: bytes) -> list[str]:
    """Exemplars, to the place of their times, which the library writes longer."""
    return [re.sub(r"(# {.*} [^ ]+) [0-9.]+$", r"\1", line) for line in _ours(text)]


def test_the_text_is_what_the_client_library_would_write() -> None:
    metrics = Metrics()
    strange = ['a"b', "a\\b", "a\nb", "", "ü", "plain"]
    for area in (metrics, metrics.world, metrics.jobs):
        for one in area.made.values():
            for number, value in enumerate(strange):
                child = one.labels(*(value for _ in one._labelnames)) if one._labelnames else one
                if isinstance(one, Histogram):
                    child.observe(number * 0.03)
                elif isinstance(one, Counter):
                    child.inc(number)
                else:
                    child.set([0.1, 1e20, 3, -2.5, math.nan, math.inf][number])
    metrics.delivery_ended('a"b', result="delivered", seconds=0.3, key="ab-12")
    for _ in range(2):
        assert _ours(metrics.render()) == _ours(generate_latest(metrics.registry))
        open_: bytes = openmetrics.generate_latest(metrics.registry)  # type: ignore[no-untyped-call]
        assert _without_times(metrics.render_open()) == _without_times(open_)
    metrics.forget_world()
    assert _ours(metrics.render()) == _ours(generate_latest(metrics.registry))
