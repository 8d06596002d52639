"""The orchestrators that were declared, in trackside.yaml or over the API, and their adapters.

What the file declares is the same on all replicas and can't be changed over the API; what the API
declares lies in the store, and each replica looks there every few seconds.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from fnmatch import translate
from typing import Any

import structlog
from msgspec import Struct
from pydantic import ValidationError

from hub.errors import ConfigError, TracksideError, Unavailable, mistake_at
from hub.ports import Adapter, AdapterConfig, Asked, Capability, adapters
from hub.settings import Settings
from hub.settings.file import FILE_NAME
from hub.store.db import Database
from hub.store.declared import DeclaredOrchestrator, list_declared

log = structlog.get_logger(__name__)


class Member(Struct, frozen=True):
    """One declared orchestrator. `managed_by` is the file's name, None for the API's."""

    name: str
    kind: str
    namespaces: tuple[str, ...] = ()
    team: str | None = None
    settings: dict[str, Any] = {}
    managed_by: str | None = None

    @property
    def is_polled(self) -> bool:
        """Whether it is asked at all: one without settings only pushes."""
        return bool(self.settings)

    @property
    def is_observed(self) -> bool:
        """Whether it is asked for what happens."""
        return self.is_polled and adapters.get(self.kind).Config.polled

    @property
    def namespace(self) -> str:
        """Where its jobs live: the first namespace that is a plain name, else its own name."""
        return next((n for n in self.namespaces if not re.search(r"[*?\[]", n)), self.name)


def config_of(member: Member) -> AdapterConfig:
    """Its settings as its kind understands them; ConfigError names every wrong one."""
    kind = adapters.get(member.kind)
    try:
        checked: AdapterConfig = kind.Config.model_validate(member.settings)
    except ValidationError as error:
        problems = [_problem(member, detail) for detail in error.errors(include_url=False)]
        raise ConfigError("\n".join(problems)) from None
    return checked


def _problem(member: Member, detail: Any) -> str:
    return f"orchestrator {member.name!r} ({member.kind}): {mistake_at(detail, 'settings')}"


def check_file(settings: Settings) -> None:
    """ConfigError if an orchestrator of the file can't be asked as it says; tells all that is wrong."""
    problems = []
    for one in filter(lambda each: each.is_polled, _of_file(settings)):
        try:
            config_of(one)
        except ConfigError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError("\n".join(problems))


class Fleet:
    """All declared orchestrators as this replica knows them; safe to use from several threads."""

    def __init__(self, settings: Settings, db: Database) -> None:
        self._db = db
        self._lock = threading.Lock()
        self._allowed = tuple(settings.allowed_networks)
        self._of_file = tuple(_of_file(settings))
        self._members: dict[str, Member] = {one.name: one for one in self._of_file}
        self._exact: dict[str, Member] = {}
        self._patterns: list[tuple[re.Pattern[str], Member]] = []
        self._adapters: dict[str, tuple[Member, Adapter]] = {}
        self.closed = False
        self._index()

    def refresh(self) -> None:
        """Looks what was declared over the API since."""
        with self._db.reading() as connection:
            declared = list_declared(connection)
        members = {one.name: member_of(one) for one in declared}
        members |= {one.name: one for one in self._of_file}
        if members != self._members:
            with self._lock:
                self._members = members
                self._index()
                for name in self._adapters.keys() - members.keys():
                    del self._adapters[name]

    @property
    def members(self) -> Mapping[str, Member]:
        return self._members

    def can(self, orchestrator: str, what: Capability) -> bool:
        """Whether it is declared, and its adapter can do that."""
        member = self._members.get(orchestrator)
        return member is not None and what in adapters.get(member.kind).capabilities

    def claim(self, namespace: str) -> tuple[str, str] | None:
        """The orchestrator (name, kind) that claims a job namespace; a name goes before a pattern."""
        found = self._exact.get(namespace)
        if found is None:
            found = next((m for pattern, m in self._patterns if pattern.match(namespace)), None)
        return None if found is None else (found.name, found.kind)

    def adapter(self, name: str) -> Adapter:
        """The adapter of a declared orchestrator, made anew where its declaration changed.

        Raises ConfigError if its settings are wrong, Unavailable after the fleet was closed.
        """
        member = self._members[name]
        with self._lock:
            if self.closed:
                raise Unavailable("the hub is stopping")
            held = self._adapters.get(name)
            if held is not None and held[0] == member:
                return held[1]
            if held is not None:
                held[1].close()
            made = self.make(member)
            self._adapters[name] = (member, made)
            return made

    def make(self, member: Member) -> Adapter:
        """Another adapter for a declaration, kept by nobody: whoever asks for it closes it."""
        return make_adapter(member, self._allowed)

    def close(self) -> None:
        """Whoever waits for an answer of an orchestrator waits no longer."""
        with self._lock:
            self.closed = True
            for _, adapter in self._adapters.values():
                adapter.close()
            self._adapters.clear()

    def _index(self) -> None:
        claims: Sequence[tuple[str, Member]] = [
            (name, one) for one in self._members.values() for name in one.namespaces
        ]
        self._exact = dict(claims)
        self._patterns = [(re.compile(translate(name)), one) for name, one in claims]


def make_adapter(member: Member, allowed: tuple[str, ...] = ()) -> Adapter:
    """An adapter for a declaration, kept by nobody: whoever makes it closes it."""
    asked = Asked(member.name, member.namespace, allowed)
    try:
        return adapters.get(member.kind)(config_of(member), asked)
    except TracksideError:
        raise
    except Exception as error:
        log.exception("adapter_failed", orchestrator=member.name, kind=member.kind)
        raise ConfigError(f"the adapter {member.kind!r} failed: {type(error).__name__}") from error


def member_of(one: DeclaredOrchestrator) -> Member:
    return Member(one.name, one.kind, one.namespaces, one.team, one.settings)


def _of_file(settings: Settings) -> list[Member]:
    place = settings.config.name if settings.config else FILE_NAME
    return [
        Member(one.name, one.kind, tuple(one.namespaces), one.team, one.settings, place)
        for one in settings.orchestrators
    ]
