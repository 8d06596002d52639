"""Incidents that were like one, and what ended each."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from sqlalchemy import Connection, select

from hub.model import Transition, Viewer
from hub.store.incident_views import IncidentView
from hub.store.incidents import Filter, list_incidents
from hub.store.reading import Page, among
from hub.store.tables import incident, incident_transition

_ENDS = select(incident_transition).where(
    incident_transition.c.transition.in_((Transition.RESOLVED, Transition.CALLED))
)


class Past(Struct, frozen=True):
    """An incident that is over. ended: what was said at its end; by: the person who said it."""

    incident: IncidentView
    ended: str
    by: str | None

    @property
    def lasted_s(self) -> float:
        over: datetime = self.incident.resolved_at or self.incident.updated_at
        return max(0.0, (over - self.incident.since).total_seconds())


def similar_to(connection: Connection, viewer: Viewer, key: int, limit: int) -> list[Past]:
    """Those of the same kind on the same subject that are over, the latest first.

    Whoever asks may see the incident.
    """
    mine = connection.execute(select(incident).where(incident.c.id == key)).one()
    if mine.job_id is None and mine.dataset_id is None and mine.orchestrator_id is None:
        return []
    wanted = Filter(
        open=False,
        job_id=mine.job_id,
        dataset_id=mine.dataset_id,
        orchestrator_id=mine.orchestrator_id,
        kind=mine.kind,
    )
    listed = list_incidents(connection, viewer, wanted, Page(limit + 1)).items
    found = [one for one in listed if one.id != key][:limit]
    keys = [one.id for one in found]
    rows = among(connection, _ENDS, incident_transition.c.incident_id, keys)
    ends = {row.incident_id: row for row in sorted(rows, key=lambda row: row.id)}
    return [
        Past(one, end.reason if end else "", end.by if end else None)
        for one in found
        for end in (ends.get(one.id),)
    ]
