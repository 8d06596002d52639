"""Puts telling together: the plan of trackside.yaml, its channels, what decides and what sends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from alerting import notifiers
from alerting.channels import Channels
from alerting.declared import DeclaredTeam
from alerting.deliver import Deliver
from alerting.desk import Desk, hearing_of
from alerting.heartbeat import Heartbeat
from alerting.plan import Ownership, Plan
from alerting.reading import plan_of, read
from alerting.sorting import CROWD_WITHIN
from alerting.tell import Tell
from hub.errors import ConfigError, Conflict, WrongSettings
from hub.evaluate.calendars import calendars_of
from hub.evaluate.maintenance import windows_of
from hub.evaluate.telling import Delivering, Digesting, Telling, TellingChanges, Transactions
from hub.metrics import Metrics
from hub.ports import About, AlertingPart, DeclaredPart, Hearing, PartTold
from hub.secrets import references_in, require_declared
from hub.settings import Settings
from hub.settings.file import FILE_NAME
from hub.store.db import Database
from hub.store.declared_alerting import list_parts
from hub.store.writer import Writer

notifiers.load()


class Declared:
    """The sections of trackside.yaml, and behind them what was declared over the API.

    Raises ConfigError for a team that can't be read.
    """

    def __init__(self, settings: Settings, parts: Sequence[DeclaredPart]) -> None:
        self._settings = settings
        self._parts = {part: [one for one in parts if one.part is part] for part in AlertingPart}
        self.targets = [*settings.targets, *self._told(AlertingPart.TARGETS)]
        self.routes = [*settings.routes, *self._told(AlertingPart.ROUTES)]
        self._teams = {one.name: _team(one) for one in self._parts[AlertingPart.TEAMS]}

    def _told(self, part: AlertingPart) -> list[dict[str, Any]]:
        return [one.told | {"name": one.name} for one in self._parts[part]]

    @property
    def teams(self) -> dict[str, Sequence[str]]:
        """The targets of each."""
        told: dict[str, Sequence[str]] = {n: one.targets for n, one in self._teams.items()}
        return told | {one.name: one.targets for one in self._settings.teams if one.targets}

    @property
    def digests(self) -> dict[str, dict[str, Any]]:
        told = {name: one.digest for name, one in self._teams.items()}
        told |= {one.name: one.digest for one in self._settings.teams if one.digest is not None}
        return {name: digest for name, digest in told.items() if digest is not None}

    @property
    def ownership(self) -> list[Ownership]:
        """What the file says goes before."""
        file = [
            Ownership(one.name, tuple(one.owners), tuple(one.namespaces))
            for one in self._settings.teams
        ]
        more = [Ownership(n, one.owners, one.namespaces) for n, one in self._teams.items()]
        return [*file, *more]

    def place(self, *path: str | int) -> str:
        """Where it stands: in the file, or what is declared over the API by that name."""
        section, index = path[0], path[1] if len(path) > 1 else None
        if section not in {"targets", "routes"} or not isinstance(index, int):
            return self._settings.place(*path)
        beyond = index - len(getattr(self._settings, str(section)))
        if beyond < 0:
            return self._settings.place(*path)
        one = self._parts[AlertingPart(section)][beyond]
        return f"{one.part.one} {one.name!r}"


def _team(one: DeclaredPart) -> DeclaredTeam:
    problems: list[str] = []
    found: DeclaredTeam | None = read(
        DeclaredTeam, one.told, problems, lambda *_: f"team {one.name!r}", "teams", one.name
    )
    if found is None:
        raise ConfigError("\n".join(problems))
    return found


class Planned:
    """What was declared, as this hub finds it."""

    def __init__(self, settings: Settings, doing: Transactions) -> None:
        self._settings = settings
        self._doing = doing
        self._file = settings.config.name if settings.config else FILE_NAME

    def parts(self) -> list[DeclaredPart]:
        return self._doing.read(list_parts)

    def plan(self, parts: Sequence[DeclaredPart]) -> Plan:
        """Raises ConfigError."""
        return plan_in(self._settings, parts)

    def of_file(self) -> list[PartTold]:
        """What can't be changed but there."""
        found = [
            (part, str(one.get("name", f"{part.one}-{index}")), index, dict(one))
            for part in (AlertingPart.TARGETS, AlertingPart.ROUTES)
            for index, one in enumerate(getattr(self._settings, part.value))
        ]
        for team in self._settings.teams:
            if team.targets or team.digest is not None:
                told = {"targets": list(team.targets), "digest": team.digest}
                found.append((AlertingPart.TEAMS, team.name, 0, told))
        return [
            PartTold(
                part=part,
                name=name,
                place=place,
                told={key: value for key, value in told.items() if key != "name"},
                managed_by=self._file,
            )
            for part, name, place, told in found
        ]

    def check(self, parts: Sequence[DeclaredPart]) -> None:
        """Raises Conflict, WrongSettings or Forbidden."""
        managed = {(one.part, one.name) for one in self.of_file()}
        for one in parts:
            if (one.part, one.name) in managed:
                raise Conflict(
                    f"the {one.part.one} {one.name!r} is managed by {self._file}; change it there"
                )
        try:
            plan = self.plan(parts)
        except ConfigError as error:
            raise WrongSettings(str(error)) from None
        secrets = {team.name: team.secrets for team in self._settings.teams}
        for one in parts:
            if one.part is AlertingPart.TARGETS:
                target = plan.targets[one.name]
                # Else whoever may declare could have any secret of the hub sent somewhere.
                for reference in references_in(target.config.model_dump(mode="python")):
                    require_declared(reference, secrets.get(target.declared.team or "", ()))


def plan_in(settings: Settings, parts: Sequence[DeclaredPart] = ()) -> Plan:
    """The plan of trackside.yaml and of what was declared over the API.

    Raises ConfigError, which tells all that is wrong and where.
    """
    told = Declared(settings, parts)
    return plan_of(
        told.targets,
        told.routes,
        settings.silences,
        told.teams,
        told.place,
        told.ownership,
        told.digests,
        {name: days.has for name, days in calendars_of(settings).items()},
    )


def hearing_in(settings: Settings, about: About) -> Hearing:
    """Who would hear of it by trackside.yaml alone."""
    return hearing_of(plan_in(settings), about, (), datetime.now(UTC))


def desk_of(
    settings: Settings,
    db: Database,
    writer: Writer[Any, Any],
    metrics: Metrics,
    gives_logs: Callable[[str], bool] = lambda _: False,
) -> Desk:
    """Raises ConfigError. Nothing of it runs yet."""
    doing = Transactions(db, writer)
    file, planned = plan_in(settings), Planned(settings, doing)
    channels, delivering = Channels(file, settings.allowed_networks), Delivering(doing)
    telling = Tell(
        Telling(doing, CROWD_WITHIN, windows_of(settings), gives_logs),
        Digesting(doing),
        TellingChanges(doing),
        file,
        settings.public_url,
    )
    desk = Desk(
        delivering,
        file,
        channels,
        telling,
        Deliver(delivering, file, channels, metrics),
        None if settings.heartbeat_url is None else Heartbeat(settings.heartbeat_url),
        planned,
    )
    desk.refresh()
    return desk
