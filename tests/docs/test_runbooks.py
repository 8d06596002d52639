"""Every alert has a runbook that says what to do, and every runbook has an alert."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboards import GENERATED
from dashboards.build import files
from dashboards.prometheus.alerts import every
from tests.docs.test_operations import commands

ROOT = Path(__file__).parents[2]
RUNBOOKS = {page.stem: page.read_text() for page in (ROOT / "docs" / "runbooks").glob("*.md")}


def test_each_alert_has_one_and_none_is_left_over() -> None:
    assert RUNBOOKS.keys() == {alert.name for alert in every()}


@pytest.mark.parametrize("name", sorted(RUNBOOKS))
def test_it_says_what_it_means_and_what_to_do_in_commands_that_exist(name: str) -> None:
    page = RUNBOOKS[name]
    assert page.startswith(f"# {name}\n")
    assert "## What to do\n\n1. " in page
    known = commands()
    for told in page.split("`")[1::2]:
        if told.startswith("trackside "):
            words = told.split()[1:]
            assert {" ".join(words[:2]), words[0]} & known, told


@pytest.mark.parametrize("name", sorted(files()))
def test_what_is_generated_has_not_drifted(name: str) -> None:
    assert (GENERATED / name).read_text() == files()[name], "run python -m dashboards.build"


def test_nothing_is_left_over_of_what_was_generated() -> None:
    assert {path.name for path in GENERATED.iterdir()} == set(files())
