"""Metrics keep to the rules by which `promtool check metrics` judges."""

import re

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from hub.metrics import Metrics

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


def test_two_hubs_in_one_process_count_apart() -> None:
    first, second = Metrics(), Metrics()
    first.queue_events.set(1)
    assert b"trackside_queue_events 0.0" in second.render()
