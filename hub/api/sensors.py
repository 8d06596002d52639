"""Sensors: outside conditions that become updates of datasets."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Path
from msgspec import Struct
from starlette.responses import Response

from hub.api.answers import answer, answers
from hub.api.edits import edit
from hub.api.errors import RESPONSES
from hub.api.params import Eyes, Hub, Operator
from hub.model import EntityName
from hub.polls.sensor_book import Declaration
from hub.store import sensors as store
from hub.store.reading import closed_teams
from hub.store.sensors import SensorState
from hub.store.views import View

router: Final = APIRouter(prefix="/api/v1/sensors", tags=["sensors"], responses=RESPONSES)

Called = Annotated[str, Path(min_length=1, max_length=63, description="its name")]


class SensorView(View, frozen=True):
    """waitsFor: what was not there at the latest look. failures: looks in a row that failed."""

    name: str
    kind: str
    dataset: EntityName
    team: str | None
    every_s: float
    next_at: datetime | None
    looked_at: datetime | None
    sighted_at: datetime | None
    waits_for: str | None
    failures: int
    error: str | None


class Sensors(Struct, rename="camel"):
    sensors: list[SensorView]


@router.get("", responses=answers(Sensors))
def list_sensors(hub: Hub, eyes: Eyes) -> Response:
    """The sensors of trackside.yaml, and what they saw last."""
    with hub.db.reading() as connection:
        states, closed = store.sensor_states(connection), closed_teams(connection, eyes)
    declared = sorted(hub.sense.book.sensors.items())
    shown = [_view(one, states.get(name)) for name, one in declared if one.team not in closed]
    return answer(Sensors(shown))


@router.post("/{sensor}/look", responses=answers(SensorView))
def look(sensor: Called, hub: Hub, by: Operator) -> Response:
    """It looks now, not only when it is due."""
    one = hub.sense.book.get(sensor)
    by.require_namespace(one.dataset.namespace)
    edit(hub, by, "sensor_looked", sensor, lambda c, now: store.look_now(c, sensor, now))
    with hub.db.reading() as connection:
        return answer(_view(one, store.sensor_states(connection).get(sensor)))


def _view(one: Declaration, state: SensorState | None) -> SensorView:
    told = (one.name, one.kind, one.dataset, one.team, one.every_s)
    if state is None:  # this replica does not know it yet
        return SensorView(*told, None, None, None, None, 0, None)
    times = (state.next_at, state.looked_at, state.sighted_at)
    return SensorView(*told, *times, state.waits_for, state.failures, state.error)
