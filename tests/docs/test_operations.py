"""docs/operations.md names commands, metrics, log lines and errors that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.core import TyperGroup

from hub import cli
from hub.metrics import Metrics

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text()
SOURCE = "\n".join(
    path.read_text() for folder in ("hub", "alerting") for path in (ROOT / folder).rglob("*.py")
)


def commands() -> set[str]:
    found = set()
    for name, told in cli.COMMANDS.items():
        command = cli.Later(name, *told).loaded()
        under = command.commands if isinstance(command, TyperGroup) else {}
        found |= {f"{name} {each}" for each in under} or {name}
    return found


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_what_the_list_of_commands_says_of_one_is_how_its_own_help_begins(name: str) -> None:
    place, does = cli.COMMANDS[name]
    own = cli.Later(name, place, does).loaded().help or ""
    assert " ".join(own.split("\n\n")[0].split()) == does


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
