"""A run of some job has completed, in whichever orchestrator."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from hub.model import EntityName
from hub.ports.sensors import Json, Look, Outside, SensorConfig, Sighting, sensors


class JobGiven(BaseModel):
    """A job by its name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    namespace: str = Field(min_length=1)
    name: str = Field(min_length=1)


class RunConfig(SensorConfig):
    """Each run that completes from now on is an update, of the partition that the run is of."""

    job: JobGiven


@sensors.register("run")
class Run:
    Config: ClassVar[type[SensorConfig]] = RunConfig

    def __init__(self, config: RunConfig, outside: Outside) -> None:
        self._job = EntityName(config.job.namespace, config.job.name)
        self._outside = outside

    def look(self, cursor: Json, now: datetime) -> Look:
        since = datetime.fromisoformat(cursor["since"]) if cursor else now
        told = set(cursor.get("told", ()))
        found = self._outside.successes(self._job, since)
        news = [one for one in found if one.key not in told]
        # Several complete at one instant: those of the latest one are remembered.
        latest = max((one.at for one in found), default=since)
        kept = sorted(one.key for one in found if one.at == latest) or sorted(told)
        sightings = [Sighting(one.at, one.key, one.partition) for one in news]
        waits_for = f"a run of {self._job.namespace}:{self._job.name} that completes"
        return Look(sightings, {"since": latest.isoformat(), "told": kept}, waits_for)
