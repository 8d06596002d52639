"""Who may launch which job, and with what conf: the owner of a job, and whom the operator lets.

grants:
  - {team: marketing, orchestrator: airflow-prod, job: "mart_*", conf: [day, full]}

Further ones are made over the API.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hub.errors import ConfigError, mistake_at
from hub.model import EntityName
from hub.settings import Settings
from hub.store.db import Connection
from hub.store.grants import GrantView, list_grants

#: What the hub itself puts into a conf, whoever launches.
OWN: Final = frozenset({"openlineage"})


class Grant(BaseModel):
    """Lets a team launch jobs; * is any text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    team: str = Field(min_length=1, description="who may launch")
    orchestrator: str = Field("*", description="of which orchestrator")
    namespace: str = Field("*", description="of which job namespace")
    job: str = Field(min_length=1, description="which jobs, by name")
    conf: list[str] = Field(default=[], description="the keys that its conf may have")

    def takes(self, team: str, orchestrator: str, job: EntityName) -> bool:
        return (
            self.team == team
            and fnmatchcase(orchestrator, self.orchestrator)
            and fnmatchcase(job.namespace, self.namespace)
            and fnmatchcase(job.name, self.job)
        )

    def bars(self, conf: Iterable[str]) -> list[str]:
        """The keys of a conf that it does not let through."""
        return [key for key in conf if not any(fnmatchcase(key, glob) for glob in self.conf)]


class Grants:
    """Those of trackside.yaml; what was granted over the API is read with each question."""

    def __init__(self, grants: Sequence[Grant] = ()) -> None:
        self.declared = tuple(grants)

    def within(self, connection: Connection) -> InForce:
        """All that are in force just now."""
        return InForce([*self.declared, *map(_grant, list_grants(connection))])


def _grant(one: GrantView) -> Grant:
    return Grant(
        team=one.team,
        orchestrator=one.orchestrator,
        namespace=one.namespace,
        job=one.job,
        conf=one.conf,
    )


class InForce:
    def __init__(self, grants: Sequence[Grant]) -> None:
        self._grants = tuple(grants)

    def why_not(
        self,
        team: str | None,
        owner: str | None,
        orchestrator: str,
        job: EntityName,
        conf: Collection[str],
    ) -> str | None:
        """Why the team may not launch the job with that conf; None: it may.

        team: None for the operator. owner: the team that owns the job, if one does.
        """
        if team is None or team == owner:
            return None
        mine = [one for one in self._grants if one.takes(team, orchestrator, job)]
        if not mine:
            whose = f"it belongs to {owner}" if owner else "it belongs to no team"
            return (
                f"team {team} may not launch {job.name} of {orchestrator}: {whose}, and no grant "
                "lets it (trackside grants)"
            )
        barred = min((one.bars(set(conf) - OWN) for one in mine), key=len)
        if barred:
            return f"team {team} may not set {', '.join(sorted(barred))} in the conf of {job.name}"
        return None


def grants_of(settings: Settings) -> Grants:
    """The section `grants`; raises ConfigError, which tells all that is wrong and where."""
    found: list[Grant] = []
    problems: list[str] = []
    known = {team.name for team in settings.teams}
    for index, given in enumerate(settings.grants):
        place = settings.place("grants", index)
        try:
            one = Grant.model_validate(given)
        except ValidationError as error:
            problems += [f"{place}: {mistake_at(d, 'grants', index)}" for d in error.errors()]
            continue
        if known and one.team not in known:
            names = ", ".join(sorted(known))
            problems.append(f"{place}: grants.{index}.team: no team {one.team!r}; known: {names}")
        found.append(one)
    if problems:
        raise ConfigError("\n".join(problems))
    return Grants(found)
