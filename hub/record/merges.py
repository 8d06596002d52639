"""Rows that turned out to be one: a run known by two ids, a dataset by two names."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Merges:
    """(from, to) pairs, in the order in which they were found."""

    runs: list[tuple[int, int]] = field(default_factory=list)
    datasets: list[tuple[int, int]] = field(default_factory=list)
