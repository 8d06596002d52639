"""Which rules apply to what: a pack that is always there, and the operator's own.

    rules:
      - name: nightly-too-long
        kind: overrun
        severity: critical
        select: {namespace: "airflow-*", name: "nightly_*"}
        settings: {limit_s: 5400}

A rule of the file that has the name of one of the pack takes its place (`enabled: false` ends it).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hub import rules
from hub.errors import ConfigError, UnknownKind
from hub.model import ChangeKind, EntityName
from hub.rules.base import DatasetRule, JobRule, Subject, dataset_rules, job_rules
from hub.settings import Settings

rules.load()

Severity = Literal["info", "warning", "error", "critical"]


class Selector(BaseModel):
    """Which jobs or datasets; * is any text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    namespace: str = "*"
    name: str = "*"
    team: str | None = None
    inner: bool = Field(False, description="also jobs within jobs, such as the tasks of a Dag")

    def takes(self, name: EntityName, team: str | None, *, inner: bool) -> bool:
        return (
            (self.inner or not inner)
            and self.team in (None, team)
            and fnmatchcase(name.namespace, self.namespace)
            and fnmatchcase(name.name, self.name)
        )


class Declared(BaseModel):
    """A rule as the operator writes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")
    kind: str
    severity: Severity = "error"
    select: Selector = Selector()
    settings: dict[str, Any] = {}
    dry_run: bool = Field(False, description="incidents are kept, and nobody is told")
    enabled: bool = True


#: What is watched without any configuration.
PACK: Final = (
    Declared(name="failed-run", kind="failed_run"),
    Declared(name="missed-schedule", kind="missed_schedule"),
    Declared(name="overrun", kind="overrun", severity="warning"),
    Declared(name="freshness", kind="freshness"),
)


@dataclass(frozen=True, slots=True)
class Rule:
    """A declared rule and the code of its kind, one for jobs or one for datasets."""

    declared: Declared
    subject: Subject
    job: JobRule | None = None
    dataset: DatasetRule | None = None

    @property
    def name(self) -> str:
        return self.declared.name

    @property
    def wakes(self) -> frozenset[ChangeKind]:
        kind = self.job or self.dataset
        assert kind is not None
        return kind.wakes


class Book:
    """All rules in force."""

    def __init__(self, declared: Iterable[Declared]) -> None:
        """Raises ConfigError for an unknown kind, or settings that are not of the kind."""
        self.rules: dict[str, Rule] = {one.name: rule_of(one) for one in declared if one.enabled}
        self._of_jobs = [rule for rule in self.rules.values() if rule.job is not None]
        self._of_datasets = [rule for rule in self.rules.values() if rule.dataset is not None]

    def woken_by(self, kind: str, subject: Subject) -> Iterator[Rule]:
        """The rules that look at their subject when this happens to it."""
        mine = self._of_jobs if subject is Subject.JOB else self._of_datasets
        return (rule for rule in mine if kind in rule.wakes)


def rule_of(one: Declared) -> Rule:
    """The rule with its kind's code; raises ConfigError, which names the rule and the setting."""
    try:
        if one.kind in dataset_rules:
            code = dataset_rules.get(one.kind)
            return Rule(
                one, Subject.DATASET, dataset=code(code.Config.model_validate(one.settings))
            )
        if one.kind not in job_rules:
            raise UnknownKind("kind of rule", one.kind, [*job_rules, *dataset_rules])
        kind = job_rules.get(one.kind)
        return Rule(one, Subject.JOB, job=kind(kind.Config.model_validate(one.settings)))
    except ValidationError as error:
        problems = "; ".join(_problem(detail) for detail in error.errors(include_url=False))
        raise ConfigError(f"rule {one.name!r} ({one.kind}): {problems}") from None


def book_of(settings: Settings) -> Book:
    """The pack and the rules of the file. Raises ConfigError; tells all that is wrong."""
    found: dict[str, Declared] = {one.name: one for one in PACK}
    problems: list[str] = []
    own: set[str] = set()
    for index, given in enumerate(settings.rules):
        place = settings.place("rules", index)
        try:
            one = Declared.model_validate(given)
            rule_of(one)
        except ValidationError as error:
            details = error.errors(include_url=False)
            problems += [f"{place}: rules.{index}.{_problem(detail)}" for detail in details]
        except ConfigError as error:
            problems.append(f"{place}: {error}")
        else:
            if one.name in own:
                problems.append(f"{place}: the rule {one.name!r} stands more than once")
            own.add(one.name)
            found[one.name] = one
    if problems:
        raise ConfigError("\n".join(problems))
    return Book(found.values())


def _problem(detail: Any) -> str:
    where = ".".join(map(str, detail["loc"]))
    text = "no such setting" if detail["type"] == "extra_forbidden" else detail["msg"]
    return f"{where}: {text}"
