"""Figures as tables, on the screen and in RESULTS.md."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks.machine import Calibration

RESULTS: Final = Path(__file__).parent / "RESULTS.md"
ROOT: Final = Path(__file__).parents[1]
Row = Sequence[object]


@dataclass
class Section:
    """What one benchmark found. The verdicts come first: ratios against what was wanted."""

    title: str
    verdicts: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        verdicts = "\n".join(f"- {line}" for line in self.verdicts)
        parts = [f"### {self.title}", verdicts, *self.tables, *self.notes]
        return "\n\n".join(part for part in parts if part)


def table(head: Row, rows: Sequence[Row]) -> str:
    """A markdown table with aligned columns, numbers to the right."""
    cells = [[_text(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [" | ".join(_pad(*pair) for pair in zip(row, widths, strict=True)) for row in cells]
    rule = " | ".join("-" * width for width in widths)
    return "\n".join(f"| {line} |" for line in (lines[0], rule, *lines[1:]))


def heading(calibration: Calibration) -> str:
    """When, on what commit, and how fast the computer was."""
    now = datetime.now(UTC)
    return f"## {now:%Y-%m-%d %H:%M} UTC, commit {_commit()}\n\nThe computer: {calibration}."


def keep(text: str) -> None:
    """Puts a run before those kept earlier."""
    before = RESULTS.read_text() if RESULTS.exists() else ""
    title, _, runs = before.partition("\n## ")
    RESULTS.write_text(f"{title.rstrip()}\n\n{text}\n" + (f"\n## {runs}" if runs else ""))


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty=+"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"


def _text(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:,.2f}" if abs(cell) < 10 else f"{cell:,.0f}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def _pad(text: str, width: int) -> str:
    number = text[:1].isdigit() or text[:1] in {"-", "+"}
    return text.rjust(width) if number else text.ljust(width)
