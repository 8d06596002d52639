"""An adapter, and what the core offers it.

An adapter is one file or folder of `adapters/` that registers a class under the kind of
orchestrator it speaks for:

    @adapters.register("airflow")
    class Airflow(HttpAdapter): ...

It observes and acts; it decides nothing, keeps nothing between calls but its cursor, and may be
run by any replica. Whatever it raises but a TracksideError is a mistake of its own, which is
logged and counted against its orchestrator alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Final, Protocol

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field

from hub.model import EntityName, Observation, RunState
from hub.registry import Registry

Json = dict[str, Any]
"""A JSON object."""


class Capability(StrEnum):
    """What an adapter can do besides observing and checking its connection."""

    LAUNCH = "launch"
    BACKFILL = "backfill"
    RERUN = "rerun"  # launches of the kind RERUN
    BACKFILL_RANGE = "backfill_range"  # of a stretch of time, so many runs at once as are told
    LOG_TAIL = "log_tail"


class AdapterConfig(BaseModel):
    """Base of every adapter's settings. Secrets are references, resolved when they are used.

    polled: whether it is asked for what happens; else it tells all of that itself.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    polled: ClassVar[bool] = True

    poll_every_s: float = Field(20, ge=1, le=3600, description="seconds between two polls")

    @property
    def pulls(self) -> bool:
        """Whether it fetches its launches from the hub; then `launch` is not called."""
        return False


class Asked(Struct, frozen=True):
    """For whom an adapter asks: the orchestrator's name, and the namespace of its jobs.

    allowed: the private networks that addresses of teams may lead to.
    """

    orchestrator: str
    namespace: str
    allowed: tuple[str, ...] = ()


class RunName(Struct, frozen=True):
    """A run by its natural key within one orchestrator."""

    job: EntityName
    natural_id: str
    map_index: int = -1


class KnownRun(Struct, frozen=True):
    """What the hub holds of a run: its latest attempt's number, run id, state and start."""

    name: RunName
    run_id: bytes
    attempt: int
    state: RunState
    started_at: datetime | None = None


class Known(Protocol):
    """What the hub knows already, for an adapter to compare with."""

    def open_runs(self, limit: int) -> list[KnownRun]:
        """Runs of this orchestrator that have not finished, those not looked at longest first."""
        ...

    def runs(self, names: Sequence[RunName]) -> Mapping[RunName, KnownRun]:
        """Those of the named runs that are known."""
        ...


class Observed(Struct, frozen=True):
    """What one look at an orchestrator brought.

    events: OpenLineage events (spec 2-0-2). The same fact gives the same JSON each time it is
    seen, so that a second look records nothing. An event whose run has the facet
    `trackside_answer` is the orchestrator's own answer and outweighs what senders said of the run.
    cursor: where the next look goes on; handed back once all else is durable.
    more: there is more to read now; the next look comes at once.
    progress: of a long first read, for people ("12,000 of 200,000 runs").
    skew_s: how far the orchestrator's clock is ahead of ours, in seconds, if it was told.
    """

    events: Sequence[Json] = ()
    observations: Sequence[Observation] = ()
    cursor: Json = {}
    more: bool = False
    progress: str = ""
    requests: int = 0
    skew_s: float | None = None


class Grade(StrEnum):
    """How one part of a connection is found."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


class Finding(Struct, frozen=True):
    """One thing that was looked at when a connection was checked; `mend` says what to do."""

    what: str
    grade: Grade
    detail: str = ""
    mend: str = ""


class LaunchKind(StrEnum):
    """What a launch asks for. WEBHOOK and HTTP are ways to start a job of an own engine."""

    JOB = "job"
    ASSET_EVENT = "asset_event"  # say that the dataset `job` was written, as Airflow takes it
    WEBHOOK = "webhook"
    HTTP = "http"
    PULL = "pull"  # it waits until the orchestrator fetches it
    BACKFILL = "backfill"  # many partitions of `job` at once, by the orchestrator's own backfill
    RERUN = "rerun"  # a run that failed once more: what failed of it, as it was called before


#: What may start several runs, each of which is told with it.
SEVERAL: Final = frozenset({LaunchKind.BACKFILL, LaunchKind.ASSET_EVENT})


def askable(kind: LaunchKind) -> LaunchKind:
    """A kind that people may ask for; ValueError for one that is the hub's own."""
    if kind is LaunchKind.BACKFILL:
        raise ValueError("of a single partition; for many ask for a backfill (/api/v1/backfills)")
    if kind is LaunchKind.RERUN:
        raise ValueError("of a new run; failed ones are run again by policies (rerun)")
    return kind


class FailedRun(Struct, frozen=True):
    """A run that is to be run once more, and when it failed."""

    natural_id: str
    ended_at: datetime


class CauseRun(Struct, frozen=True):
    """The run that wrote what a launch is for: its OpenLineage run id and its job."""

    run_id: str
    job: EntityName


class LaunchRequest(Struct, frozen=True):
    """Start one run of a job. Two requests with the same `key` start one run.

    cause: what the run is to name as its cause, where the orchestrator has a place for it.
    failed: of a RERUN, what is run once more; where that is no longer as it was, somebody else has
    done so, and it is found.
    """

    key: str
    job: EntityName
    partition: str | None = None
    conf: Json = {}
    note: str = ""
    kind: LaunchKind = LaunchKind.JOB
    cause: CauseRun | None = None
    failed: FailedRun | None = None


class Launched(Struct, frozen=True):
    """A run that a request started. `again`: it was there before.

    followed: events will tell of a run with this natural id; else there is nothing more to hear.
    """

    key: str
    natural_id: str
    url: str | None = None
    again: bool = False
    followed: bool = True


class Span(Struct, frozen=True):
    """A partition, and from when until when it lasts, if it is one of time."""

    partition: str
    begin: datetime | None = None
    end: datetime | None = None

    def holds(self, at: datetime) -> bool:
        return self.begin is not None and self.end is not None and self.begin <= at < self.end


class BackfillPlan(Struct, frozen=True):
    """Run a job once for each of these partitions, whatever they are like.

    spans: in their order; for Capability.BACKFILL_RANGE one follows the other without a gap.
    at_once: how many of the runs may be under way, where the orchestrator can be told.
    """

    key: str
    job: EntityName
    spans: Sequence[Span]
    conf: Json = {}
    at_once: int = 1
    note: str = ""


class Wish(StrEnum):
    """What a backfill that has begun should do."""

    GO = "go"
    PAUSE = "pause"  # begin no further runs for now
    CANCEL = "cancel"  # ... for good


class Effect(Struct, frozen=True):
    """A run that a backfill or an asset event has started. partition: of a plan's, for which it is."""

    job: EntityName
    natural_id: str
    state: RunState
    ended_at: datetime | None = None
    partition: str | None = None


class Effects(Struct, frozen=True):
    """over: no further runs will come."""

    runs: Sequence[Effect] = ()
    over: bool = False


class LogTail(Struct, frozen=True):
    """The last lines of an attempt's log; `error` the one that tells why it failed, if any does."""

    lines: Sequence[str]
    error: str | None = None
    url: str | None = None


class Adapter(Protocol):
    """One orchestrator, asked over its own interface.

    Every call ends by itself within bounded time. Raises Unavailable where the orchestrator does
    not answer as it should (`permanent` where a person must change something: credentials, a
    missing permission), with a text that says what to change and never holds a secret.

    keyed: the orchestrator itself starts no second run for a key; else launches of one job are
    asked for one at a time.
    """

    Config: ClassVar[type[AdapterConfig]]
    capabilities: ClassVar[frozenset[Capability]]
    keyed: ClassVar[bool]

    def __init__(self, config: Any, asked: Asked) -> None: ...

    def observe(self, cursor: Json, as_of: datetime, known: Known) -> Observed:
        """What is new since `cursor` ({}: from the beginning), a bounded part of it."""
        ...

    def check_connection(self) -> Sequence[Finding]:
        """What works and what doesn't: address, credentials, each permission that is needed."""
        ...

    def launch(self, request: LaunchRequest) -> Launched:
        """Raises NotReady while the job is there and can't run: it is paused, or can't be read."""
        ...

    def find_launched(self, request: LaunchRequest) -> Launched | None:
        """The run that a request with this key started, if there is one."""
        ...

    def backfill(self, plan: BackfillPlan) -> Launched:
        """Begins a backfill of the orchestrator's own, or finds the one that was begun with this key.

        Raises Declined where it would not run exactly what is planned; then nothing was begun.
        """
        ...

    def backfilled(self, plan: BackfillPlan, natural_id: str) -> Effects:
        """What has become of the backfill that was begun as `natural_id`."""
        ...

    def steer(self, natural_id: str, wish: Wish) -> None:
        """Tells a backfill to go on, pause or end; one that is over stays so. What can't be paused
        goes on.
        """
        ...

    def caused(self, request: LaunchRequest) -> Effects:
        """The runs for which the asset event of this request counted, so far."""
        ...

    def log_tail(self, run: RunName, attempt: int, lines: int) -> LogTail: ...

    def openlineage_setup(self, hub_url: str) -> str:
        """What to paste where, so that the orchestrator pushes to the hub too."""
        ...

    def close(self) -> None: ...


adapters: Registry[type[Adapter]] = Registry("kind of orchestrator", group="trackside.adapters")
