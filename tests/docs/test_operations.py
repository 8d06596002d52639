"""docs/operations.md names commands, metrics, log lines and errors that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hub import cli
from hub.metrics import Metrics

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text()
SOURCE = "\n".join(
    path.read_text() for folder in ("hub", "alerting") for path in (ROOT / folder).rglob("*.py")
)


def commands() -> set[str]:
    found = {str(each.name) for each in cli.app.registered_commands}
    for group in cli.app.registered_groups:
        assert group.typer_instance is not None
        for each in group.typer_instance.registered_commands:
            assert each.callback is not None
            found.add(f"{group.name} {each.name or each.callback.__name__}")
    return found


def test_every_command_named_exists() -> None:
    known = commands()
    named = re.findall(
        r"^ {4}trackside ([a-z-]+)(?: ([a-z]+))?|`trackside ([a-z-]+)(?: ([a-z]+))?",
        PAGE,
        re.MULTILINE,
    )
    told = {" ".join(filter(None, words)) for words in named}
    assert len(told) > 10
    assert told - known <= {"--debug"}


def test_every_metric_named_exists_and_every_one_of_ours_is_named() -> None:
    ours = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in Metrics().registry.collect()
        if family.name.startswith("trackside_")
    }
    assert set(re.findall(r"trackside_[a-z_]*[a-z]", PAGE)) == ours


@pytest.mark.parametrize(
    "action", re.findall(r"`([a-z]+_[a-z_]+)`", PAGE.split("## Logs")[1].split("##")[0])
)
def test_every_log_line_named_is_logged(action: str) -> None:
    assert f'"{action}"' in SOURCE


ERRORS = re.findall(r"^\| `([^`]+)` \|", PAGE.split("## When something is wrong")[1], re.MULTILINE)


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_named_can_be_raised(error: str) -> None:
    """Its fixed parts stand in the source."""
    varies = r"\.\.\.|8080|127\.0\.0\.1|0\.0\.0\.0|\bhub|123|000\d|http://|[();]"
    parts = [part.strip(" ,:") for part in re.split(varies, error)]
    source = re.sub(r'"\s*\n\s*f?"', "", SOURCE)
    engines = {"connection failed", "process"}
    assert [part for part in parts if part not in source and part not in engines] == []
