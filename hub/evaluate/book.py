"""Which rules apply to what: a pack that is always there, and the operator's own.

    rules:
      - name: nightly-too-long
        kind: overrun
        severity: critical
        select: {namespace: "airflow-*", name: "nightly_*"}
        settings: {limit_s: 5400}

A rule of the file that has the name of one of the pack takes its place (`enabled: false` ends it).
`calendar` says on which days a rule opens incidents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hub import rules
from hub.errors import ConfigError, mistake_at
from hub.evaluate.calendars import Calendars, ChoiceGiven, calendars_of, choice_of
from hub.incidents import PLAIN, Escalation, Flapping, Severity, Terms
from hub.rules.base import Fact, Kind, Subject, kinds
from hub.schedules.days import Choice
from hub.selector import Selector
from hub.settings import Settings

rules.load()

_NONE: Final[Calendars] = {}
_USUAL: Final = Flapping()
#: Kinds whose incidents stand for a slot, a partition, a check or a pool each. Those of others are
#: the same trouble of their subject again and again, whatever their keys.
EACH_BY_ITSELF: Final = frozenset(
    {
        "missed_schedule",
        "late_start",
        "late_finish",
        "missing_partition",
        "failed_check",
        "schema_change",
        "backlog",
    }
)
#: Kinds whose incidents mean that something is done late, and what waits for it too.
LATE: Final = frozenset(
    {
        "failed_run",
        "missed_schedule",
        "late_start",
        "late_finish",
        "overrun",
        "stuck",
        "freshness",
        "missing_partition",
        "orchestrator_silent",
    }
)
#: Kinds that wait for something to be done by a time.
DEADLINES: Final = frozenset({"late_finish", "freshness", "missing_partition", "overrun"})


class Declared(BaseModel):
    """A rule as the operator writes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")
    kind: str
    severity: Severity = "error"
    select: Selector = Selector()
    settings: dict[str, Any] = {}
    calendar: ChoiceGiven | None = Field(None, description="on which days it opens incidents")
    dry_run: bool = Field(False, description="incidents are kept, and nobody is told")
    enabled: bool = True
    flapping: Flapping | None = None
    escalate: Escalation | None = None

    def mark(self) -> str:
        """The same as long as it finds the same in the same subjects."""
        return self.model_dump_json(include={"kind", "select", "settings", "calendar"})


#: What is watched without any configuration.
PACK: Final = (
    Declared(name="failed-run", kind="failed_run"),
    Declared(name="missed-schedule", kind="missed_schedule"),
    Declared(name="overrun", kind="overrun", severity="warning"),
    Declared(name="freshness", kind="freshness"),
    Declared(name="orchestrator-silent", kind="orchestrator_silent"),
    Declared(name="backlog", kind="backlog", severity="warning"),
    Declared(name="stuck", kind="stuck", severity="warning"),
    Declared(name="creep", kind="creep", severity="info"),
    Declared(name="too-fast", kind="too_fast", severity="info"),
    Declared(name="late-update", kind="freshness", severity="info", settings={"learned": True}),
    Declared(name="failed-check", kind="failed_check", settings={"severities": ["ERROR"]}),
    Declared(
        name="check-warning",
        kind="failed_check",
        severity="info",
        settings={"severities": ["WARN"]},
    ),
    Declared(name="volume", kind="volume", severity="warning"),
    Declared(name="schema-change", kind="schema_change", severity="info"),
)


@dataclass(frozen=True, slots=True)
class Rule:
    """A declared rule and the code of its kind."""

    declared: Declared
    kind: Kind
    days: Choice | None = None

    @property
    def name(self) -> str:
        return self.declared.name

    @property
    def subject(self) -> Subject:
        return self.kind.subject

    @property
    def terms(self) -> Terms:
        """What it says of its incidents."""
        told = self.declared
        each = told.kind in EACH_BY_ITSELF
        return Terms(told.severity, told.flapping or _USUAL, told.escalate, each)


class Book:
    """All rules in force."""

    def __init__(self, declared: Iterable[Declared], calendars: Calendars = _NONE) -> None:
        """Raises ConfigError for an unknown kind or calendar, or settings that are not of the kind."""
        told = list(declared)
        self.rules: dict[str, Rule] = {
            one.name: rule_of(one, calendars) for one in told if one.enabled
        }
        self.ended = tuple(one for one in told if not one.enabled)

    def terms_of(self, rule: str) -> Terms:
        """What a rule says of its incidents; one that is no longer in force says nothing."""
        found = self.rules.get(rule)
        return PLAIN if found is None else found.terms

    @property
    def by_tag(self) -> bool:
        """Whether some rule selects by tags."""
        return any(rule.declared.select.tag is not None for rule in self.rules.values())

    def marks(self) -> dict[str, str]:
        """What each rule looks at and how, by its name: another mark is another rule."""
        return {name: rule.declared.mark() for name, rule in self.rules.items()}

    def of_need(self, fact: Fact) -> list[str]:
        """The rules for jobs that need to know it."""
        return [
            rule.name
            for rule in self.rules.values()
            if rule.subject is Subject.JOB and fact in rule.kind.needs
        ]

    def within(self) -> Iterator[Rule]:
        """The rules that look at jobs within a job when a run of that one ends."""
        return (
            rule
            for rule in self.rules.values()
            if rule.declared.select.inner and Fact.SIGNS in rule.kind.needs
        )

    def woken_by(self, change: str, subject: Subject) -> Iterator[Rule]:
        """The rules that look at their subject when this happens to it."""
        return (
            rule
            for rule in self.rules.values()
            if rule.subject is subject and change in rule.kind.wakes
        )


def rule_of(one: Declared, calendars: Calendars = _NONE) -> Rule:
    """The rule with its kind's code; raises ConfigError, which names the rule and the setting."""
    try:
        return _rule(one, calendars)
    except ValidationError as error:
        problems = "; ".join(mistake_at(detail) for detail in error.errors(include_url=False))
        raise ConfigError(f"rule {one.name!r} ({one.kind}): {problems}") from None


def _rule(one: Declared, calendars: Calendars) -> Rule:
    kind = kinds.get(one.kind)
    code = kind(kind.Config.model_validate(one.settings))
    return Rule(one, code, choice_of(one.calendar, calendars))


def book_of(settings: Settings) -> Book:
    """The pack and the rules of the file. Raises ConfigError; tells all that is wrong."""
    calendars = calendars_of(settings)
    found: dict[str, Declared] = {one.name: one for one in PACK}
    problems: list[str] = []
    own: set[str] = set()
    for index, given in enumerate(settings.rules):
        place = partial(settings.place, "rules", index)
        try:
            one = Declared.model_validate(given)
        except ValidationError as error:
            problems += [
                f"{place(*detail['loc'])}: {mistake_at(detail, 'rules', index)}"
                for detail in error.errors(include_url=False)
            ]
            continue
        problems += _wrong(one, calendars, place)
        if one.name in own:
            problems.append(f"{place('name')}: the rule {one.name!r} stands more than once")
        own.add(one.name)
        found[one.name] = one
    if problems:
        raise ConfigError("\n".join(problems))
    return Book(found.values(), calendars)


def _wrong(one: Declared, calendars: Calendars, place: Callable[..., str]) -> list[str]:
    """What is wrong with a rule's kind, settings and calendar, each with its place."""
    told = f"rule {one.name!r} ({one.kind})"
    try:
        choice_of(one.calendar, calendars)
    except ConfigError as error:
        return [f"{place('calendar')}: {told}: {error}"]
    try:
        _rule(one, calendars)
    except ValidationError as error:
        return [
            f"{place('settings', *detail['loc'])}: {told}: {mistake_at(detail)}"
            for detail in error.errors(include_url=False)
        ]
    except ConfigError as error:
        return [f"{place('kind')}: {error}"]
    return []
