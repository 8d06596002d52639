"""Which runs that failed are run again: by the launch that started them, or by trackside.yaml.

    rerun:
      - name: loads
        select: {namespace: "airflow-*"}
        when: {transient: {times: 3, wait_s: 60}, out_of_memory: {times: 1}}

Each failure is run again at most once: the key of the launch is made of the run and its attempt.
A run that the hub has not launched is itself run once more, where its orchestrator can: it is called
as it was, and what went well of it is not done again. Others are launched anew.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from hub.errors import ConfigError, mistake_at
from hub.failures import FailureClass, classify
from hub.ports import Again, LaunchKind, NewLaunch, RerunPolicy
from hub.selector import Selector
from hub.settings import Settings
from hub.store.db import Connection
from hub.store.failed_runs import FailedRun, failed_runs
from hub.triggers.launching import Way

#: Running these again changes nothing: somebody must change something first.
NEVER: Final = (FailureClass.AUTH, FailureClass.DATA_QUALITY)
#: What a policy does that does not say otherwise.
USUAL: Final = RerunPolicy(
    {FailureClass.TRANSIENT: Again(3, 60), FailureClass.OUT_OF_MEMORY: Again(1, 60)}
)
#: A failure that is older is history.
FRESH: Final = timedelta(hours=1)
LONGEST_WAIT_S: Final = 6 * 3600.0


class AgainGiven(BaseModel):
    """How often, and how long is waited before the first time; each further time twice as long."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    times: int = Field(ge=1, le=10)
    wait_s: float = Field(60, ge=0, le=LONGEST_WAIT_S)


class RerunGiven(BaseModel):
    """Which runs are run again, and when: after which failures."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")
    select: Selector = Selector()
    when: dict[FailureClass, AgainGiven] = Field(
        {one: AgainGiven(times=a.times, wait_s=a.wait_s) for one, a in USUAL.on.items()},  # type: ignore[misc]
        description="by class of failure; of others nothing is run again",
    )
    anew: bool = Field(
        False, description="by a new run, also where the failed one could be run once more"
    )

    @field_validator("when")
    @classmethod
    def _sensible(cls, when: dict[FailureClass, AgainGiven]) -> dict[FailureClass, AgainGiven]:
        barred = sorted(when.keys() & set(NEVER))
        if barred:
            raise ValueError(f"{', '.join(barred)}: running it again changes nothing")
        return when


class Reruns:
    """The policies in force; the first that selects a job holds."""

    def __init__(
        self,
        given: Sequence[RerunGiven] = (),
        ways: Callable[[], Mapping[str, Way]] = dict,
    ) -> None:
        """ways: how orchestrators are launched just now."""
        self._given = tuple(given)
        self._ways = ways

    def of(self, connection: Connection, failed: Collection[int], now: datetime) -> list[NewLaunch]:
        """What is launched because these runs have failed."""
        if not failed:
            return []
        judged = (self.judge(one, now) for one in failed_runs(connection, failed))
        return [launch for launch in judged if launch is not None]

    def judge(self, one: FailedRun, now: datetime) -> NewLaunch | None:
        """The launch that runs it again; None: it is not run again."""
        policy = self._policy(one)
        if policy is None or one.followed or one.orchestrator is None:
            return None
        if one.ended_at is None or now - one.ended_at > FRESH:
            return None
        what = failure_of(one.errors)
        again = None if what in NEVER else policy.on.get(what)
        number = 1 if one.launch is None else one.launch.rerun_no + 1
        if again is None or number > again.times:
            return None
        wait_s = min(LONGEST_WAIT_S, again.wait_s * 2.0 ** (number - 1))
        at = now + timedelta(seconds=wait_s)
        told = _launch(one, policy, what, number, again.times, at)
        return _in_place(told, one) if self._same_again(one, policy) else told

    def _same_again(self, one: FailedRun, policy: RerunPolicy) -> bool:
        """Whether the failed run itself is run once more."""
        if one.launch is not None:
            return one.launch.kind is LaunchKind.RERUN
        way = self._ways().get(one.orchestrator or "")
        return way is not None and way.reruns and not policy.anew and not one.inner

    def _policy(self, one: FailedRun) -> RerunPolicy | None:
        if one.launch is not None and one.launch.rerun is not None:
            return one.launch.rerun
        subject = _Subject(one)
        for given in self._given:
            if given.select.takes(subject, one.tags):
                return msgspec.structs.replace(policy_of(given.when), anew=given.anew)
        return None


class _Subject:
    """A run's job as policies are chosen for it."""

    def __init__(self, one: FailedRun) -> None:
        self.name = one.name
        self.team = one.team
        self.inner = one.inner
        self.orchestrator = one.orchestrator


def policy_of(on: dict[FailureClass, AgainGiven]) -> RerunPolicy:
    return RerunPolicy({what: Again(one.times, one.wait_s) for what, one in on.items()})


def failure_of(errors: Collection[tuple[str | None, str | None]]) -> FailureClass:
    """The class of a failure with several errors: the one that bars most, else one that is known."""
    found = {classify(*each) for each in errors}
    known = [what for what in (*NEVER, *FailureClass) if what in found]
    return known[0] if known else FailureClass.UNKNOWN


def key_of(one: FailedRun) -> str:
    told = (one.orchestrator, *_name(one), one.natural_id, one.attempt)
    return "rerun-" + sha256(repr(told).encode()).hexdigest()[:40]


def _name(one: FailedRun) -> tuple[str, str]:
    return one.name.namespace, one.name.name


def _launch(
    one: FailedRun, policy: RerunPolicy, what: FailureClass, number: int, most: int, at: datetime
) -> NewLaunch:
    held = one.launch
    orchestrator = one.orchestrator if held is None else held.orchestrator
    assert orchestrator is not None
    return NewLaunch(
        key=key_of(one),
        orchestrator=orchestrator,
        job=one.name if held is None else held.job,
        partition=one.partition,
        conf={} if held is None else held.conf,
        note=f"run again ({number} of {most}): {one.natural_id} failed ({what})",
        kind=LaunchKind.JOB if held is None else held.kind,
        subscription_id=None if held is None else held.subscription_id,
        team=None if held is None else held.team,
        cause={} if held is None else held.cause,
        not_before=at,
        rerun=policy,
        rerun_of=None if held is None else held.id,
        failed_run=one.id,
        rerun_no=number,
    )


def _in_place(told: NewLaunch, one: FailedRun) -> NewLaunch:
    assert one.ended_at is not None
    failed = {
        "run": one.natural_id,
        "endedAt": one.ended_at.isoformat(),
        "attempt": one.attempt,
    }
    cause = {**told.cause, "failed": failed}
    return msgspec.structs.replace(told, kind=LaunchKind.RERUN, conf={}, cause=cause)


def reruns_of(settings: Settings, ways: Callable[[], Mapping[str, Way]] = dict) -> Reruns:
    """The section `rerun`; raises ConfigError, which tells all that is wrong and where."""
    found: list[RerunGiven] = []
    problems: list[str] = []
    for index, given in enumerate(settings.rerun):
        place = settings.place("rerun", index)
        try:
            found.append(RerunGiven.model_validate(given))
        except ValidationError as error:
            problems += [
                f"{place}: {mistake_at(detail, 'rerun', index)}" for detail in error.errors()
            ]
    if problems:
        raise ConfigError("\n".join(problems))
    return Reruns(found, ways)
