"""The dashboards."""

from __future__ import annotations

from typing import Final

from dashboards.grafana import boards_hub, boards_people, boards_triggers, boards_work
from dashboards.grafana.panels import Board

BOARDS: Final[tuple[Board, ...]] = (
    boards_people.OVERVIEW,
    boards_people.TEAM,
    boards_work.ORCHESTRATORS,
    boards_work.JOB,
    boards_work.FRESHNESS,
    boards_work.DATASETS,
    boards_triggers.TRIGGERS,
    boards_people.INCIDENTS,
    boards_hub.HUB,
)
