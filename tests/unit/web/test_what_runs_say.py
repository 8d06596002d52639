"""What the page of a run shows of what the run said itself."""

from __future__ import annotations

import pytest
from msgspec import Raw

from hub.web.runs import said_of


def test_the_last_lines_are_shown() -> None:
    lines = "\\n".join(map(str, range(300)))
    said = said_of({"trackside_log": Raw(f'{{"tail": "{lines}"}}'.encode())})
    assert (len(said), said[0], said[-1]) == (200, "100", "299")


@pytest.mark.parametrize("facet", [b'"text"', b'{"tail": 3}', b"null"])
def test_a_facet_that_somebody_else_made_is_no_trouble(facet: bytes) -> None:
    assert said_of({"trackside_log": Raw(facet)}) == []


def test_a_run_that_said_nothing_has_nothing_to_show() -> None:
    assert said_of({}) == []
