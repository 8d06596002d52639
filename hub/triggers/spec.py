"""What a subscription says: when to launch what, for which partitions, and how often.

subscriptions:
- name: sales-mart
team: sales
when: all(postgres://shop/orders, s3://lake/items) at most 2h after the first
partitions: day of hour in Europe/Berlin, all
launch: {orchestrator: dagster-prod, job: sales_mart, conf: {day: "{partition}"}}
limits: {concurrency: 1, quiet: [{from: "22:00", to: "06:00"}]}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from hub.errors import BadInput, mistake, shorten
from hub.failures import FailureClass
from hub.model import EntityName
from hub.ports import Hours, LaunchKind, RerunPolicy, askable
from hub.triggers import conditions, partitions
from hub.triggers.conditions import Condition
from hub.triggers.partitions import Mapping_
from hub.triggers.reruns import NEVER, AgainGiven, policy_of

Seconds = Annotated[float, Field(gt=0, le=366 * 86_400)]
#: A condition or mapping: its text, or its JSON.
Form = str | dict[str, Any]
#: What stands for the whole dataset or target, which has no partitions.
WHOLE: Final = ""
PLACEHOLDERS: Final = ("{partition}", "{updates}")


def _listed(value: object) -> object:
    return [value] if isinstance(value, str | Mapping) else value


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, alias_generator=to_camel
    )


class Launch(_Section):
    """What is launched. In `conf`, {partition} and {updates} stand for those of the launch."""

    orchestrator: str = Field(min_length=1, max_length=512)
    job: str = Field(min_length=1, max_length=512, description="or the asset of an asset_event")
    namespace: str | None = Field(
        None, max_length=512, description="of the job; that of its orchestrator if not told"
    )
    kind: LaunchKind = LaunchKind.JOB
    partition: str | None = Field(
        None, max_length=512, description="{partition}, or one that is always the same"
    )
    conf: dict[str, Any] = Field({}, examples=[{"day": "{partition}"}])

    @field_validator("kind")
    @classmethod
    def _askable(cls, kind: LaunchKind) -> LaunchKind:
        return askable(kind)


class Backfill(_Section):
    """What is done about updates of old partitions: those whose time was over for longer than
    `older_than_s`, and for longer than it lasted, when they were updated.
    """

    old: Literal["each", "coalesce", "latest", "ignore"] = "each"
    older_than_s: Seconds = 2 * 86_400
    settle_s: Seconds = Field(
        60, description="coalesce and latest: until none has come for so long"
    )


class Rate(_Section):
    launches: int = Field(ge=1, le=100_000)
    per_s: Seconds = 3600


class Limits(_Section):
    """What keeps a launch back though its condition holds."""

    concurrency: int | None = Field(
        None, ge=1, le=10_000, description="launches of the subscription that are under way"
    )
    target_concurrency: int | None = Field(
        None, ge=1, le=10_000, description="launches of the job, whoever asked for them"
    )
    rate: Rate | None = None
    quiet: Annotated[tuple[Hours, ...], BeforeValidator(_listed)] = ()


class Spec(_Section):
    """A subscription as people write it."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")
    team: str | None = Field(None, max_length=512)
    description: str = Field("", max_length=2000)
    when: Form = Field(examples=["all(postgres://shop/orders, s3://lake/items)"])
    partitions: Form | None = Field(
        None,
        description="which partitions of the target an update counts for: one mapping for all "
        "inputs, or `by_input`; if not told, the target has none",
    )
    by_input: dict[str, Form] = Field({}, description="mappings by namespace/name of an input")
    launch: Launch
    backfill: Backfill = Backfill()
    limits: Limits = Limits()
    rerun: dict[FailureClass, AgainGiven] = Field(
        {}, description="by class of failure, how often a run that failed is run again"
    )
    give_up_after_s: Seconds | None = Field(
        None, description="a launch that could not go out for so long is given up"
    )
    since: AwareDatetime | None = Field(
        None, description="updates that were made from then on count; else those from now on"
    )

    @field_validator("when")
    @classmethod
    def _a_condition(cls, value: Form) -> Form:
        return conditions.to_text(_read(conditions.parse, conditions.from_json, value))

    @field_validator("partitions")
    @classmethod
    def _a_mapping(cls, value: Form | None) -> Form | None:
        return None if value is None else _mapping_text(value)

    @field_validator("by_input")
    @classmethod
    def _mappings(cls, value: dict[str, Form]) -> dict[str, Form]:
        return {name: _mapping_text(one) for name, one in value.items()}

    @field_validator("rerun")
    @classmethod
    def _sensible(cls, value: dict[FailureClass, AgainGiven]) -> dict[FailureClass, AgainGiven]:
        barred = ", ".join(sorted(value.keys() & set(NEVER)))
        if barred:
            raise ValueError(f"{barred}: running it again changes nothing")
        return value

    @model_validator(mode="after")
    def _known_inputs(self) -> Self:
        known = {_told(name): name for name in self.inputs}
        for name in self.by_input:
            if name not in known:
                raise ValueError(
                    f"expected byInput to name inputs of the condition "
                    f"({', '.join(sorted(known))}), found {shorten(name)}"
                )
        return self

    @property
    def condition(self) -> Condition:
        return _condition(str(self.when))

    @property
    def inputs(self) -> frozenset[EntityName]:
        """The datasets whose updates count."""
        return conditions.inputs_of(self.condition)

    def mapping_of(self, name: EntityName) -> Mapping_ | None:
        """None: every update counts for the target as a whole."""
        told = self.by_input.get(_told(name), self.partitions)
        return None if told is None else _mapping(str(told))

    @property
    def policy(self) -> RerunPolicy | None:
        return policy_of(self.rerun) if self.rerun else None

    @property
    def job(self) -> EntityName:
        return EntityName(self.launch.namespace or self.launch.orchestrator, self.launch.job)

    @property
    def give_up_after(self) -> timedelta | None:
        return None if self.give_up_after_s is None else timedelta(seconds=self.give_up_after_s)

    def placed(self, namespace: str) -> Self:
        """With the namespace of its job, where it tells none."""
        if self.launch.namespace is not None:
            return self
        launch = self.launch.model_copy(update={"namespace": namespace})
        return self.model_copy(update={"launch": launch})

    def kept(self) -> dict[str, Any]:
        """As it is kept and shown: JSON, without what is as usual."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a spec. path: of the setting, in the words of the spec."""

    path: tuple[str | int, ...]
    text: str


def read_spec(given: Mapping[str, Any]) -> Spec | list[Problem]:
    """The spec, or all that is wrong with it."""
    try:
        return Spec.model_validate(given)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        return [Problem(_plain(detail["loc"]), mistake(detail)) for detail in details]


def spec_of(kept: Mapping[str, Any]) -> Spec:
    """A spec that was checked before it was kept."""
    return Spec.model_validate(kept)


def _plain(loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Without the names of the branches of a union."""
    return tuple(part for part in loc if part not in ("str", "dict[str,any]"))


def _read(parse: Any, from_json: Any, value: Form) -> Any:
    try:
        return parse(value) if isinstance(value, str) else from_json(value)
    except BadInput as error:
        hint = f". {error.hint}" if error.hint else ""
        where = f" at {error.path}" if error.path else ""
        raise ValueError(f"expected {error.expected}{where}, found {error.found}{hint}") from None
    except ValueError as error:
        raise ValueError(f"expected a mapping of partitions: {error}") from None


@lru_cache(maxsize=16_384)
def _condition(text: str) -> Condition:
    return conditions.parse(text)


@lru_cache(maxsize=16_384)
def _mapping(text: str) -> Mapping_:
    return partitions.parse(text)


def _mapping_text(value: Form) -> str:
    text: str = partitions.to_text(_read(partitions.parse, partitions.from_json, value))
    return text


def _told(name: EntityName) -> str:
    return f"{name.namespace}/{name.name}"


# -- what stands for what ----------------------------------------------------------------------


def filled(value: Any, partition: str, updates: list[Mapping[str, Any]]) -> Any:
    """A value of conf with what its placeholders stand for; nothing else in it is looked at.

    A text that is {updates} alone becomes the list itself.
    """
    if isinstance(value, str):
        if value == "{updates}":
            return updates
        return value.replace("{updates}", _names(updates)).replace("{partition}", partition)
    if isinstance(value, Mapping):
        return {name: filled(one, partition, updates) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [filled(one, partition, updates) for one in value]
    return value


def _names(updates: list[Mapping[str, Any]]) -> str:
    told = (
        f"{one['dataset']}[{one['partition']}]" if one["partition"] else str(one["dataset"])
        for one in updates
    )
    return ", ".join(dict.fromkeys(told))
