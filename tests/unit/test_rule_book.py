"""Rules as the operator writes them: the pack, the file, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.errors import ConfigError
from hub.evaluate.book import PACK, book_of
from hub.model import EntityName
from hub.selector import Selector
from hub.settings import Settings
from hub.store.facts import JobRow


def job(*, inner: bool = False) -> JobRow:
    name = EntityName("airflow-prod", "nightly_load")
    return JobRow(1, name, 1, "sales", inner, "airflow")


def settings(folder: Path, rules: str) -> Settings:
    file = folder / "trackside.yaml"
    file.write_text(f"version: 1\nrules:\n{rules}")
    return Settings.load(file, environment={})


def test_without_a_file_the_pack_is_in_force() -> None:
    assert set(book_of(Settings()).rules) == {one.name for one in PACK}


def test_a_rule_of_the_file_takes_the_place_of_the_packs(tmp_path: Path) -> None:
    given = "  - {name: overrun, kind: overrun, severity: critical, settings: {limit_s: 60}}\n"
    rule = book_of(settings(tmp_path, given)).rules["overrun"]
    assert (rule.declared.severity, rule.declared.settings) == ("critical", {"limit_s": 60})


def test_a_rule_of_the_pack_can_be_ended(tmp_path: Path) -> None:
    given = "  - {name: overrun, kind: overrun, enabled: false}\n"
    assert "overrun" not in book_of(settings(tmp_path, given)).rules


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("{name: a, kind: nonsense}", "nonsense"),
        ("{name: a, kind: nonsense}", "known: backlog, creep, failed_check, failed_run, "),
        ("{name: a, kind: overrun, settings: {limit: 5}}", "limit: no such setting"),
        ("{name: a, kind: overrun, settings: {limit_s: -1}}", "limit_s"),
        ("{name: a, kind: overrun, severity: bad}", "severity"),
        ("{name: a, kind: freshness, settings: {cron: every day}}", "five fields such as"),
        ("{name: a, kind: freshness, settings: {cron: '@daily', max_lag_s: 5}}", "keep one"),
        ("{name: a, kind: freshness, settings: {lower_bound_s: 5}}", "belongs to a cron"),
        ("{name: a, kind: freshness, settings: {timezone: Mars}}", "'Mars' is no time zone"),
        ("{name: a, kind: volume, settings: {at_least: 5, at_most: 1}}", "no update could be"),
        ("{name: a, kind: missing_partition, settings: {format: day}}", "such as '%Y-%m-%d'"),
        ("{name: A b, kind: overrun}", "name"),
        ("{kind: overrun}", "name"),
    ],
)
def test_what_is_wrong_with_a_rule_is_told_with_its_line(
    tmp_path: Path, given: str, told: str
) -> None:
    with pytest.raises(ConfigError) as error:
        book_of(settings(tmp_path, f"  - {given}\n"))
    assert "trackside.yaml:3" in str(error.value)
    assert told in str(error.value)


def test_two_rules_of_one_name_are_refused(tmp_path: Path) -> None:
    given = "  - {name: a, kind: overrun}\n  - {name: a, kind: failed_run}\n"
    with pytest.raises(ConfigError, match="more than once"):
        book_of(settings(tmp_path, given))


@pytest.mark.parametrize(
    ("select", "takes"),
    [
        ({}, True),
        ({"namespace": "airflow-*"}, True),
        ({"namespace": "dagster-*"}, False),
        ({"name": "nightly_*", "team": "sales"}, True),
        ({"team": "finance"}, False),
        ({"orchestrator": "air*"}, True),
        ({"orchestrator": "dagster"}, False),
        ({"tag": "tier:1"}, True),
        ({"tag": "pii"}, False),
    ],
)
def test_a_selector_takes_all_that_it_names(select: dict[str, str], takes: bool) -> None:
    assert Selector.model_validate(select).takes(job(), {"tier", "tier:1"}) is takes


def test_jobs_within_jobs_are_taken_only_where_asked_for() -> None:
    assert not Selector().takes(job(inner=True))
    assert Selector(inner=True).takes(job(inner=True))
