"""What the page about triggers says of conditions is so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from hub.triggers.conditions import TextError, from_json, parse, to_text

WHOLE = (Path(__file__).parents[3] / "docs" / "how-to" / "triggers.md").read_text()
PAGE = WHOLE[WHOLE.index("## Conditions") : WHOLE.index("## Partitions of the target")]
EXAMPLE, MISTAKES = re.findall(r"^```\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)[:2]
#: What the first column of its tables holds, as far as that is about conditions.
WRITTEN = re.findall(
    r"^\| `([^`|]+)` \|", PAGE[: PAGE.index("### What a launch uses up")], re.MULTILINE
)


def whole(written: str) -> str:
    """A condition that has what is written in it."""
    if "/" in written and not re.match(r"where|by|cron", written):
        return written
    return f"a/x {written}"


@pytest.mark.parametrize("written", WRITTEN)
def test_what_it_has_in_its_tables_can_be_written(written: str) -> None:
    read = parse(whole(written))
    assert parse(to_text(read)) == read


def test_its_tables_are_read() -> None:
    assert len(WRITTEN) == 16


def test_its_json_is_its_example() -> None:
    (told,) = re.findall(r"^```json\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert to_text(from_json(json.loads(told))) == EXAMPLE.strip()


@pytest.mark.parametrize(("text", "line"), [("all(db/a whre rows > 1)", 0), ("db/a within 6h", 1)])
def test_its_mistakes_are_told_so(text: str, line: int) -> None:
    with pytest.raises(TextError) as caught:
        parse(text)
    assert str(caught.value) == MISTAKES.splitlines()[line]
