"""The nouns of Trackside: frozen structs and enums, with the sets the code asks for by name.

Facts come in as :class:`LineageEvent` or :class:`Observation`; everything else is what they say.
Structs are msgspec's: as frozen as a frozen dataclass, ten times as quick to make, and the door
makes a dozen of them per event. Times are aware datetimes in UTC. Names are never split or
normalised here; a run id is the 16 bytes of its UUID.
"""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any, Final, Literal, get_args

from msgspec import Struct


class EventType(StrEnum):
    """What an OpenLineage RunEvent says of its run (spec 2-0-2, RunEvent.eventType)."""

    START = "START"
    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"
    ABORT = "ABORT"
    FAIL = "FAIL"
    OTHER = "OTHER"


class RunState(StrEnum):
    """State of a run and of each attempt."""

    NEW = "NEW"  # known, has not said that it started (queued, or only named by a child)
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    ABORTED = "ABORTED"


FINISHED_STATES = frozenset({RunState.COMPLETED, RunState.FAILED, RunState.ABORTED})
TERMINAL_EVENTS = frozenset({EventType.COMPLETE, EventType.FAIL, EventType.ABORT})


class Direction(StrEnum):
    """How a job or run touches a dataset."""

    INPUT = "INPUT"
    OUTPUT = "OUTPUT"


class CheckStatus(StrEnum):
    """Result of one data-quality check as it was reported."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"


class Severity(StrEnum):
    """How bad a failed check is, as its reporter says."""

    WARN = "WARN"
    ERROR = "ERROR"


class ChangeKind(StrEnum):
    """Kinds of recorded transition somebody may react to."""

    JOB_CREATED = "job_created"
    DATASET_CREATED = "dataset_created"
    RUN_STARTED = "run_started"
    RUN_COMPLETED = "run_completed"
    RUN_FAILED = "run_failed"
    RUN_ABORTED = "run_aborted"
    ATTEMPT_FAILED = "attempt_failed"
    DATASET_UPDATED = "dataset_updated"
    SCHEMA_CHANGED = "schema_changed"
    CHECK_PASSED = "check_passed"
    CHECK_FAILED = "check_failed"
    SCHEDULE_CHANGED = "schedule_changed"
    JOB_VERSION_CHANGED = "job_version_changed"
    FRESHNESS_POLICY_CHANGED = "freshness_policy_changed"
    ORCHESTRATOR_HEALTH_CHANGED = "orchestrator_health_changed"


class EntityName(Struct, frozen=True, order=True):
    """(namespace, name): how jobs and datasets are called in OpenLineage."""

    namespace: str
    name: str


class Tag(Struct, frozen=True, order=True):
    """A tag; a bare word has itself as its value."""

    key: str
    value: str
    source: str | None = None
    field: str | None = None  # the dataset's column it belongs to, if any


class RunRef(Struct, frozen=True):
    """Another run as an event names it (parent, root, a dependency).

    `natural_id` is the orchestrator's own id of that run where the event lets us know it.
    """

    job: EntityName
    run_id: bytes
    natural_id: str | None = None


class Dependency(Struct, frozen=True):
    """Control flow between runs (facet jobDependencies)."""

    job: EntityName
    upstream: bool
    run_id: bytes | None = None
    kind: str | None = None  # dependency_type


class Schedule(Struct, frozen=True):
    """When a job is meant to run, as its orchestrator declares it.

    `expression` is what the orchestrator wrote (cron, a list of crons joined by newlines, an
    interval, a dataset condition as JSON); `kind` says which. None in a field: not declared.

    `timing` says how the clock is read. trigger: a run is started at each time and called by it.
    interval: a run is started at each time and called by the one before, at which its data
    begins (Airflow's data intervals). tick: as Dagster reads crons, which differs where clocks
    change; wall, rule: as Prefect reads crons and recurrence rules; shown: each time the clock shows
    it, as Argo and Kubernetes read crons. `anchor` is an instant at which an interval is due: all others
    lie whole intervals away. `data_interval_s` (trigger): so many seconds before it is due its data
    begins, and by that time a run is called. `grace_s`: so many seconds after it is due a run may start and its slot
    is not missed yet.
    """

    kind: str  # cron | interval | dataset | manual
    expression: str = ""
    timezone: str = "UTC"
    paused: bool | None = None
    catchup: bool | None = None
    max_active_runs: int | None = None
    start_at: datetime | None = None
    end_at: datetime | None = None
    timing: str = "trigger"  # trigger | interval | tick | wall | rule | shown
    anchor: datetime | None = None
    data_interval_s: float | None = None
    grace_s: float | None = None


class Field(Struct, frozen=True):
    """One column of a dataset; nested columns have dotted names."""

    name: str
    type: str | None = None
    description: str | None = None


class ColumnEdge(Struct, frozen=True):
    """One input column (or, with `from_field` None, a whole dataset) behind an output column.

    `to_field` None: dataset-level (indirect) lineage, which holds for every output column.
    """

    to_field: str | None
    from_dataset: EntityName
    from_field: str | None
    kind: str | None = None  # DIRECT | INDIRECT
    subtype: str | None = None
    description: str | None = None
    masking: bool | None = None


class Check(Struct, frozen=True):
    """One data-quality result on a dataset."""

    name: str
    status: CheckStatus
    column: str | None = None
    severity: Severity = Severity.ERROR
    expected: str | None = None
    actual: str | None = None


class DatasetFacts(Struct, frozen=True):
    """What one event says of one dataset. None or empty: the event is silent about it.

    `facets` and `io_facets` hold every facet's JSON as it came, known to us or not.
    """

    name: EntityName
    direction: Direction | None = None
    facets: dict[str, bytes] = {}
    io_facets: dict[str, bytes] = {}
    fields: tuple[Field, ...] | None = None
    source_name: str | None = None
    source_uri: str | None = None
    description: str | None = None
    owners: tuple[str, ...] | None = None
    tags: tuple[Tag, ...] | None = None
    lifecycle: str | None = None
    previous_name: EntityName | None = None  # lifecycleStateChange RENAME
    version: str | None = None
    kind: str | None = None  # datasetType: TABLE, VIEW, FILE, TOPIC, MODEL, ...
    symlinks: tuple[EntityName, ...] = ()
    column_lineage: tuple[ColumnEdge, ...] | None = None
    rows: int | None = None
    bytes: int | None = None
    files: int | None = None
    partition: str | None = None
    checks: tuple[Check, ...] = ()


class JobFacts(Struct, frozen=True):
    """What one event says of its job."""

    name: EntityName
    facets: dict[str, bytes] = {}
    processing: str | None = None  # BATCH | STREAMING | SERVICE
    integration: str | None = None  # AIRFLOW, DAGSTER, SPARK, ...
    kind: str | None = None  # DAG, TASK, JOB, STEP, MODEL, ...
    description: str | None = None
    owners: tuple[str, ...] | None = None
    tags: tuple[Tag, ...] | None = None
    location: str | None = None
    schedule: Schedule | None = None


class RunFacts(Struct, frozen=True):
    """What one event says of its run.

    `run_id` names the attempt; (`natural_id`, `map_index`) name the run within its job. Without
    a natural id the attempt is a run of its own. `attempt` orders the attempts of one run
    (Airflow: try number, or clear number + 1 for a Dag run).
    `own_state`: the orchestrator's own word for the attempt's state. If there is one, this is its
    own answer, which outweighs what senders said of the end; `started_at` and `queued_at` are its.
    `relayed`: somebody else tells that word, and outweighs nobody.
    `backfill`: the backfill of the orchestrator's own that the run is of, by its id there.
    `failure_stands`: this failure is the attempt's end, whatever other end its sender tells.
    `unended`: its sender tells no success of it, so that it began says nothing about its state.
    """

    run_id: bytes
    natural_id: str | None = None
    map_index: int = -1
    attempt: int | None = None
    will_retry: bool = False
    facets: dict[str, bytes] = {}
    nominal_start: datetime | None = None
    nominal_end: datetime | None = None
    partition: str | None = None
    parent: RunRef | None = None
    root: RunRef | None = None
    dependencies: tuple[Dependency, ...] = ()
    error_class: str | None = None
    error_message: str | None = None
    external_url: str | None = None
    engine: str | None = None
    tags: tuple[Tag, ...] | None = None
    checks: tuple[Check, ...] = ()
    own_state: str | None = None
    queued_at: datetime | None = None
    started_at: datetime | None = None
    backfill: str | None = None
    relayed: bool = False
    failure_stands: bool = False
    unended: bool = False

    @property
    def answers(self) -> bool:
        """Whether the orchestrator itself says this."""
        return self.own_state is not None and not self.relayed


class Warning(Struct, frozen=True):  # noqa: A001  the word of the glossary
    """Sloppiness in an event that was survived; shown on its job."""

    path: str
    message: str


class LineageEvent(Struct, frozen=True):
    """One OpenLineage event, understood. Has a run: RunEvent; else a job: JobEvent; else DatasetEvent."""

    event_time: datetime
    event_type: EventType
    producer: str
    job: JobFacts | None = None
    run: RunFacts | None = None
    datasets: tuple[DatasetFacts, ...] = ()
    warnings: tuple[Warning, ...] = ()


class HealthStatus(StrEnum):
    """Health of an orchestrator or one of its parts."""

    HEALTHY = "HEALTHY"
    DEGRADED = "DEGRADED"
    DOWN = "DOWN"
    UNKNOWN = "UNKNOWN"  # it can't be asked, which says nothing about what it does


class ScheduleObserved(Struct, frozen=True, tag_field="type", tag="schedule"):
    """A job's declared schedule."""

    job: EntityName
    schedule: Schedule
    observed_at: datetime


class BacklogObserved(Struct, frozen=True, tag_field="type", tag="backlog"):
    """Work waiting in a queue or pool. `oldest_wait_s` in seconds."""

    pool: str
    queued: int
    observed_at: datetime
    running: int | None = None
    capacity: int | None = None
    oldest_wait_s: float | None = None


class HealthObserved(Struct, frozen=True, tag_field="type", tag="health"):
    """Health of one part of an orchestrator (`part` "" is the whole)."""

    status: HealthStatus
    observed_at: datetime
    part: str = ""
    detail: str | None = None


class WatermarkObserved(Struct, frozen=True, tag_field="type", tag="watermark"):
    """All facts of the orchestrator up to `complete_to` have been handed in."""

    complete_to: datetime
    observed_at: datetime
    stream: str = ""


class BackfillObserved(Struct, frozen=True, tag_field="type", tag="backfill"):
    """A backfill of the orchestrator's own; its runs tell `natural_id` as theirs.

    state: the orchestrator's own word. about: what it is of, for people. partitions: how many.
    """

    natural_id: str
    state: str
    observed_at: datetime
    about: str = ""
    partitions: int | None = None
    begun_at: datetime | None = None
    ended_at: datetime | None = None


class FreshnessPolicyObserved(Struct, frozen=True, tag_field="type", tag="freshness_policy"):
    """How old a dataset may get. `max_lag_s` in seconds; with a cron, due at each tick."""

    dataset: EntityName
    max_lag_s: float
    observed_at: datetime
    cron: str | None = None
    timezone: str = "UTC"


class PartitionsObserved(Struct, frozen=True, tag_field="type", tag="partitions"):
    """The partitions that a dataset may have, and how its orchestrator says that they stand.

    Each partition is named once. definition: what they are, in the orchestrator's own words.
    truncated: there are others, of which it says nothing.
    """

    dataset: EntityName
    observed_at: datetime
    definition: str = ""
    complete: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    truncated: bool = False


Observation = (
    ScheduleObserved
    | BacklogObserved
    | HealthObserved
    | WatermarkObserved
    | BackfillObserved
    | PartitionsObserved
    | FreshnessPolicyObserved
)


class Rank(IntEnum):
    """Order among events of one attempt that carry the same event time (DESIGN D5)."""

    OTHER = 0
    START = 1
    RUNNING = 2
    COMPLETE = 3
    ABORT = 4
    FAIL = 5


class Viewer(Struct, frozen=True):
    """Who looks. Jobs and datasets of a private team are seen by its members, and by `all`."""

    teams: frozenset[str] = frozenset()
    all: bool = False


Evidence = dict[str, Any]
"""Numbers and names behind what a rule says, as JSON."""


IncidentSeverity = Literal["info", "warning", "error", "critical"]
SEVERITIES: Final[tuple[str, ...]] = get_args(IncidentSeverity)
"""The mildest first."""


class IncidentState(StrEnum):
    OPEN = "OPEN"
    ACKNOWLEDGED = "ACKNOWLEDGED"  # open, and somebody is at it
    SNOOZED = "SNOOZED"  # open, and nobody wants to hear of it until a time
    RESOLVED = "RESOLVED"


class Resolution(StrEnum):
    """Why an incident is over."""

    HEALED = "healed"
    RETRACTED = "retracted"  # evidence came late: nothing was wrong
    EXPECTED = "expected"  # a person says that it is as it should be
    NEW_NORMAL = "new_normal"  # a person says that from now on this is normal


CALLED_SO = frozenset({Resolution.EXPECTED, Resolution.NEW_NORMAL})


class Transition(StrEnum):
    OPENED = "opened"
    REOPENED = "reopened"
    CHANGED = "changed"  # still open, for another reason
    ESCALATED = "escalated"  # nobody has acknowledged it in time: more severe now
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    WOKEN = "woken"  # the time for which it was snoozed is over, and it is still open
    RESOLVED = "resolved"
    CALLED = "called"  # over already; a person says what it was
    NOTED = "noted"  # a person's comment
    CAUSED = "caused"  # an incident upstream is its cause
    UNCAUSED = "uncaused"  # that one is over, and this one is still open


class Flaps(Struct, frozen=True):
    """An incident that flaps: opened so many times from `since` to `last_at`, kept open since.

    quiet_at: it is over then, if nothing goes wrong until then; None: it is bad just now.
    """

    opens: int
    since: datetime
    last_at: datetime
    quiet_at: datetime | None = None


class Incident(Struct, frozen=True, kw_only=True):
    """Where an incident stands. `parent`: the incident that is its cause.

    escalates_at: when it is to become more severe unless somebody acknowledges it.
    """

    key: str
    severity: str = "error"
    state: IncidentState = IncidentState.OPEN
    reason: str
    evidence: Evidence = {}
    since: datetime
    opened_at: datetime
    resolved_at: datetime | None = None
    resolution: Resolution | None = None
    parent: int | None = None
    snoozed_until: datetime | None = None
    escalates_at: datetime | None = None
    flaps: Flaps | None = None

    @property
    def is_open(self) -> bool:
        return self.state is not IncidentState.RESOLVED

    @property
    def due_at(self) -> datetime | None:
        """When time alone moves it."""
        quiet_at = None if self.flaps is None else self.flaps.quiet_at
        times = (self.snoozed_until, self.escalates_at, quiet_at)
        return min((at for at in times if at is not None), default=None)


class Step(Struct, frozen=True):
    """One transition, and the incident after it."""

    transition: Transition
    incident: Incident
    reason: str
    evidence: Evidence = {}
