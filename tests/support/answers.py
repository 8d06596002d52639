"""What real orchestrators answered over their own interfaces (tests/answers)."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "answers"


def answer(name: str) -> Any:
    """The body of a recorded answer, as in "airflow/v2/11_pools"."""
    return json.loads(_text(name))["response"]


@cache
def _text(name: str) -> str:
    return (FOLDER / f"{name}.json").read_text()
