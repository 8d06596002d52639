"""What a backfill is to be, as people write it.

{"dataset": {"namespace": "db", "name": "mart/orders"}, "from": "2026-09-01", "to": "2026-11-30",
 "direction": "upstream", "concurrency": 4}
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_camel

from hub.model import EntityName
from hub.schedules.periods import Every
from hub.schedules.zones import zone_of
from hub.store.types import storable
from hub.triggers import partitions
from hub.triggers.backfills.graph import Telling, Way
from hub.triggers.partitions import Mapping_, Rollup

Text = Annotated[str, AfterValidator(storable)]
Key = Annotated[Text, Field(min_length=1, max_length=512)]
#: Steps that a backfill may have at most, whatever is asked for.
MOST_STEPS: Final = 5000
MOST_KEYS: Final = 5000


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, alias_generator=to_camel
    )


class Named(_Section):
    namespace: Text = Field(min_length=1, max_length=512)
    name: Text = Field(min_length=1, max_length=2048)

    @property
    def entity(self) -> EntityName:
        return EntityName(self.namespace, self.name)


class Between(_Section):
    """Which partitions of an input count for which of an output, where that can't be told by how
    both cut time.
    """

    input: Named
    output: Named
    mapping: str | dict[str, Any] = Field(examples=["day of hour in Europe/Berlin"])

    @field_validator("mapping")
    @classmethod
    def _readable(cls, told: str | dict[str, Any]) -> str | dict[str, Any]:
        _read(told)
        return told

    @property
    def parsed(self) -> Mapping_:
        return _read(self.mapping)


class Told(_Section):
    """How a job is told for which partition it runs; {partition} stands for its key."""

    job: Named
    partition: Key | None = "{partition}"
    conf: dict[Text, Any] = Field({}, examples=[{"day": "{partition}"}])

    @property
    def telling(self) -> Telling:
        return Telling(self.partition, self.conf)


class Backfill(_Section):
    """Which partitions of which dataset, and what with them: those it is made of, or those that are
    made of it. `from` and `to` are partition keys, both included. `rerun`: those that are asked
    for are made anew, whatever they are like; else what is missing, failed or stale.
    """

    dataset: Named
    partitions: list[Key] = Field([], max_length=MOST_KEYS)
    since: Key | None = Field(None, alias="from", examples=["2026-09-01"])
    to: Key | None = Field(None, examples=["2026-11-30"])
    every: Every | None = Field(None, description="how far they lie apart; learned if not told")
    timezone: Text = Field("UTC", max_length=64, description="in which keys are meant")
    direction: Way = Way.UPSTREAM
    levels: int | None = Field(
        None,
        ge=0,
        le=50,
        description="datasets away from the one that is asked for; all if not told",
    )
    rerun: bool = False
    mappings: list[Between] = Field([], max_length=100)
    jobs: list[Told] = Field([], max_length=100)
    concurrency: int = Field(4, ge=1, le=100, description="steps that run at once")
    per_job: int = Field(2, ge=1, le=100, description="... of one job")
    apart: bool = Field(
        False, description="launch each step by itself, without backfills of the orchestrators"
    )
    max_steps: int = Field(1000, ge=1, le=MOST_STEPS)
    team: Text | None = Field(None, max_length=512, description="for which it is launched")
    note: Text = Field("", max_length=1000)

    @field_validator("timezone")
    @classmethod
    def _known(cls, told: str) -> str:
        try:
            zone_of(told)
        except ValueError:
            raise ValueError("a time zone such as Europe/Berlin is expected") from None
        return told

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.since is None) != (self.to is None):
            raise ValueError("`from` and `to` are told together")
        if self.partitions and self.since is not None:
            raise ValueError("either `partitions` or `from` and `to`, not both")
        return self

    @property
    def tellings(self) -> dict[EntityName, Telling]:
        return {one.job.entity: one.telling for one in self.jobs}


def _read(told: str | dict[str, Any]) -> Mapping_:
    found = partitions.parse(told) if isinstance(told, str) else partitions.from_json(told)
    return found.of if isinstance(found, Rollup) else found
