"""What can be declared of telling, in trackside.yaml or over the API: the settings of each part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from alerting.quiet import DeclaredHours, Quiet
from hub.errors import BadInput
from hub.model import SEVERITIES, IncidentSeverity
from hub.ports import About
from hub.ports.hours import DAYS, Day, zone

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
Seconds = Annotated[float, Field(ge=0, le=30 * 86_400)]
By = Literal["team", "orchestrator", "namespace", "rule", "kind", "severity", "job", "dataset"]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str | Mapping) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, populate_by_name=True
    )


class Match(_Section):
    """All that is told must be so. * is any text; of severity, that much or more."""

    team: str | None = None
    owner: str | None = None
    orchestrator: str | None = None
    namespace: str | None = None
    job: str | None = None
    dataset: str | None = None
    target: str | None = None
    rule: str | None = None
    kind: str | None = None
    tag: str | None = Field(None, description="key, or key:value")
    severity: IncidentSeverity | None = None

    def why_not(self, about: About) -> str | None:
        """What keeps it from matching; None: it matches."""
        for name, wanted in self.told():
            found = _found(about, name)
            if name == "severity":
                if SEVERITIES.index(about.severity) < SEVERITIES.index(wanted):
                    return f"severity {about.severity} is below {wanted}"
            elif not any(fnmatchcase(one, wanted) for one in found):
                return f"{name} is {' or '.join(sorted(found)) or 'none'}, not {wanted}"
        return None

    def told(self) -> Iterator[tuple[str, str]]:
        for name in type(self).model_fields:
            value = getattr(self, name)
            if value is not None:
                yield name, value

    def __str__(self) -> str:
        words = (f"severity >= {v}" if n == "severity" else f"{n} {v}" for n, v in self.told())
        return ", ".join(words) or "everything"


def _found(about: About, name: str) -> Iterable[str]:
    if name == "owner":
        return about.owners
    if name == "tag":
        return about.tags
    value: str | None = getattr(about, name)
    return () if value is None else (value,)


class DeclaredTarget(_Section):
    """Somebody who hears: one place in one channel."""

    name: Name
    kind: str
    settings: dict[str, Any] = {}
    team: str | None = Field(None, description="whose it is; nobody's hears what no one else does")
    severity: IncidentSeverity = Field("info", description="the least that it hears of")
    per_minute: int = Field(60, ge=1, le=100_000, description="deliveries at most")
    changes: bool = Field(
        False, description="told, too, when a job of its team has a new version; nobody's: any job"
    )


class DeclaredDigest(_Section):
    """One message for each period: when it is sent, and to whom."""

    at: time = Field(description="time of day, as in 08:00")
    timezone: Annotated[str, AfterValidator(zone)] = "UTC"
    days: Annotated[tuple[Day, ...], Field(min_length=1)] = DAYS
    to: Names | None = Field(None, description="targets; none told: all that can show one")
    empty: bool = Field(False, description="also sent when nothing happened")

    @model_validator(mode="after")
    def _plain(self) -> Self:
        if self.at.tzinfo is not None:
            raise ValueError(
                "expected a time of day without an offset, as in 08:00, and a timezone"
            )
        return self

    def after(self, now: datetime) -> datetime:
        """When it is sent next, after `now`."""
        return next(at for at in self._around(now, range(-1, 9)) if at > now)

    def before(self, now: datetime) -> datetime:
        """When it should have been sent last, at `now` or before."""
        return max(at for at in self._around(now, range(-8, 2)) if at <= now)

    def _around(self, now: datetime, days: range) -> Iterator[datetime]:
        here = ZoneInfo(self.timezone)
        today = now.astimezone(here).date()
        for number in days:
            day = today + timedelta(days=number)
            if DAYS[day.weekday()] in self.days:
                yield datetime.combine(day, self.at, here).astimezone(UTC)


class Escalate(_Section):
    """Who hears, too, when nobody has acknowledged it for so long."""

    after_s: float = Field(gt=0, le=30 * 86_400)
    to: Names = Field(min_length=1)


class Route(_Section):
    """A node of the tree. What it does not say, its parent says."""

    name: Name | None = None
    match: Match = Match()
    to: Names | None = Field(None, description="targets; none of its own: the team's; []: nobody")
    goes_on: bool = Field(False, alias="continue", description="later routes are looked at, too")
    group_by: tuple[By, ...] | None = None
    group_wait_s: Seconds | None = None
    group_interval_s: Seconds | None = None
    repeat_s: Annotated[float, Field(ge=60, le=30 * 86_400)] | None = None
    escalate: tuple[Escalate, ...] | None = None
    quiet: Annotated[tuple[Quiet, ...], BeforeValidator(_listed)] | None = None
    hours: Annotated[tuple[DeclaredHours, ...], BeforeValidator(_listed)] | None = None
    crowd: int | None = Field(None, ge=0, le=1000)
    digest: DeclaredDigest | None = Field(
        None, description="of what it takes; its routes have none"
    )
    routes: tuple[Route, ...] = ()


class DeclaredTeam(_Section):
    """What a team hears by, as far as it is declared over the API."""

    targets: Names = ()
    owners: Names = ()
    namespaces: Names = ()
    digest: dict[str, Any] | None = None


class DeclaredSilence(_Section):
    """A silence that the file keeps, such as a window of maintenance."""

    match: Match
    starts_at: AwareDatetime = datetime(1970, 1, 1, tzinfo=UTC)
    ends_at: AwareDatetime
    why: str = ""


def match_of(given: Mapping[str, str]) -> Match:
    """The matchers of a silence; raises BadInput."""
    try:
        found = Match.model_validate(given)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        where = ".".join(("match", *map(str, detail["loc"])))
        known = ", ".join(Match.model_fields)
        raise BadInput(where, detail["input"], f"matchers: {known}", detail["msg"]) from None
    if not list(found.told()):
        raise BadInput("match", dict(given), "at least one matcher, or all would be silent")
    return found
