"""The one question of each poll about the deployment itself; health, backlog and inventory share it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from msgspec import Struct, field

from adapters.dagster.graphql import GraphQL
from adapters.dagster.queries import PULSE
from adapters.dagster.wire import Fault, Runs, Typed

_WAITING: Final = ["QUEUED", "NOT_STARTED", "STARTING"]
_RUNNING: Final = ["STARTED", "CANCELING"]


class Repository(Struct, frozen=True):
    name: str = "__repository__"


class Loaded(Typed, frozen=True):
    """A code location, or with typename PythonError why it could not be loaded."""

    causes: list[Fault] = field(default_factory=list)
    repositories: list[Repository] = field(default_factory=list)

    @property
    def fault(self) -> Fault | None:
        if self.typename != "PythonError":
            return None
        return Fault(message=self.message or "", causes=self.causes)


class Location(Struct, frozen=True, rename="camel"):
    name: str
    load_status: str | None = None
    updated_timestamp: float | None = None
    version_key: str | None = None
    loaded: Loaded | None = field(name="locationOrLoadError", default=None)


class _Workspace(Typed, frozen=True, rename="camel"):
    location_entries: list[Location] = field(default_factory=list)


class Daemon(Struct, frozen=True, rename="camel"):
    daemon_type: str = ""
    required: bool = True
    last_heartbeat_time: float | None = None
    last_heartbeat_errors: list[Fault] | None = None


class _DaemonHealth(Struct, frozen=True, rename="camel"):
    all_daemon_statuses: list[Daemon] = []


class QueueConfig(Struct, frozen=True, rename="camel"):
    max_concurrent_runs: int | None = None


class PendingStep(Struct, frozen=True, rename="camel"):
    enqueued_timestamp: float | None = None
    assigned_timestamp: float | None = None


class Pool(Struct, frozen=True, rename="camel"):
    concurrency_key: str
    slot_count: int | None = None
    limit: int | None = None
    active_slot_count: int | None = None
    pending_step_count: int | None = None
    pending_steps: list[PendingStep] = []


class Instance(Struct, frozen=True, rename="camel"):
    daemon_health: _DaemonHealth | None = None
    run_queue_config: QueueConfig | None = None
    concurrency_limits: list[Pool] | None = None

    @property
    def daemons(self) -> list[Daemon]:
        return self.daemon_health.all_daemon_statuses if self.daemon_health else []


class Pulse(Struct, frozen=True, rename="camel"):
    waiting: Runs
    running: Runs
    version: str = ""
    workspace: _Workspace | None = field(name="workspaceOrError", default=None)
    instance: Instance = Instance()

    @property
    def locations(self) -> list[Location]:
        return self.workspace.location_entries if self.workspace else []

    @property
    def repositories(self) -> Iterator[tuple[str, str]]:
        """(code location, repository) of those that are loaded."""
        for location in self.locations:
            for repository in location.loaded.repositories if location.loaded else ():
                yield location.name, repository.name


def read_pulse(graphql: GraphQL) -> tuple[Pulse, datetime | None]:
    """And the server's time."""
    variables = {"waiting": {"statuses": _WAITING}, "running": {"statuses": _RUNNING}}
    pulse, date = graphql.query(PULSE, Pulse, variables)
    if pulse.workspace is not None:
        graphql.expect(pulse.workspace, "Workspace")
    graphql.expect(pulse.waiting, "Runs")
    graphql.expect(pulse.running, "Runs")
    return pulse, date
