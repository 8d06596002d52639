"""Puts a hub together: the one place that knows every part.

with running(settings) as hub:
    app = create_app(hub)
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version

import structlog

import adapters
from hub import polling, sensors
from hub.access import listening_rule
from hub.advising import Advisor, looking
from hub.api.hub import Hub
from hub.api.live import Live
from hub.api.watch import Watch
from hub.authenticator import Authenticator
from hub.backtest.under_way import Backtests
from hub.errors import Unavailable
from hub.evaluate.asked import do
from hub.evaluate.book import book_of
from hub.evaluate.plan import plan_of
from hub.evaluate.telling import Transactions
from hub.exporting import Export
from hub.forward.forwarding import Forwarding
from hub.housekeeping import MINUTE_S, loops
from hub.kafka.consumers import Consumers
from hub.limits import IngestLimit
from hub.metrics import Metrics
from hub.openlineage.redact import Redactor
from hub.people import People
from hub.polls.fleet import Fleet, check_file
from hub.polls.hands import Hands
from hub.polls.sense import Sense
from hub.polls.sensor_book import sensor_book_of
from hub.ports import Action, Capability
from hub.record import Incoming, Outcome, Recorder
from hub.record.intake import Intake
from hub.record.recorder import now_us
from hub.secrets import SecretRef
from hub.settings import Settings
from hub.signals.listening import Listening
from hub.store.access import count_tokens
from hub.store.db import Database, store_file
from hub.store.holds import find_hold, notice
from hub.store.lock import StoreLock
from hub.store.migrate import migrate
from hub.store.reach import explained
from hub.store.transfer import refuse_unfinished
from hub.store.writer import Writer
from hub.telling import desk_of
from hub.tokens import begin
from hub.triggers.following import Following
from hub.triggers.grants import grants_of
from hub.triggers.launching import Launching
from hub.triggers.plan import plan_of as subscriptions_of
from hub.triggers.pulling import Pulling
from hub.triggers.reruns import reruns_of
from hub.turns import Turns
from hub.worker import Loop, Worker

FORWARD_S = 0.5

log = structlog.get_logger(__name__)

adapters.load()
sensors.load()


@contextmanager
def opened(settings: Settings, *, new: bool = False) -> Iterator[Database]:
    """The store, not yet touched; what its engine refuses inside becomes Unavailable.

    new: it may be made; otherwise a SQLite file that isn't there is Unavailable, too, for whoever
    only looks has mistyped its name.
    """
    if not new:
        refuse_missing(settings)
    with closing(Database(settings.database_url)) as db, explained(db):
        yield db


def refuse_missing(settings: Settings) -> None:
    """Raises Unavailable if the SQLite file isn't there; nothing is made."""
    file = store_file(settings.database_url)
    if file is not None and not file.exists():
        raise Unavailable(
            f"database_url: no store at {file}; is it the right file? trackside migrate makes one"
        )


def build_hub(settings: Settings, db: Database, lock: StoreLock) -> Hub:
    """A hub on a migrated store; nothing of it runs yet."""
    fleet = Fleet(settings, db)
    recorder = Recorder(db, claim=fleet.claim, dead_letter_max_bytes=settings.dead_letter_max_bytes)
    writer: Writer[Incoming, Outcome] = Writer(
        db,
        recorder,
        max_queued_items=settings.max_queued_events,
        max_queued_bytes=settings.max_queued_bytes,
    )
    metrics = Metrics()
    metrics.build.labels(version("trackside")).set(1)
    writer.figures.observers.append(metrics.observe_batch)
    authenticator = Authenticator(db, writer, settings)
    intake = Intake(Redactor(**settings.redaction.model_dump()), now_us)
    watch = Watch(db, writer)
    doing, grants, hands = Transactions(db, writer), grants_of(settings), Hands(fleet)
    launching = Launching(doing, hands, grants, metrics, per_hour=settings.launches_per_hour)
    rate = settings.max_events_per_second
    limit = IngestLimit(rate) if rate else None
    return Hub(
        settings,
        db,
        lock,
        recorder,
        writer,
        authenticator,
        People(settings),
        metrics,
        intake,
        fleet,
        book_of(settings),
        plan_of(settings),
        desk_of(settings, db, writer, metrics, partial(fleet.can, what=Capability.LOG_TAIL)),
        subscriptions_of(settings, {name: m.namespace for name, m in fleet.members.items()}),
        watch,
        Live(db, watch, metrics.pages_told),
        Sense(db, writer, intake, sensor_book_of(settings, db), metrics),
        launching,
        Following(doing, reruns_of(settings, hands.ways)),
        grants,
        hands,
        Pulling(doing, grants, metrics, per_hour=settings.launches_per_hour),
        Advisor(looking(db)),
        Backtests(db),
        Consumers(settings.kafka, intake, writer, metrics),
        limit,
    )


@contextmanager
def running(settings: Settings) -> Iterator[Hub]:
    """A hub at work. On leaving, the loops end first and the writer last.

    Raises ConfigError if the store is in use, of a later release, or may not be listened on.
    """
    check_file(settings)
    with writing(settings) as hub, ExitStack() as stack:
        _begin_with_token(hub)
        with hub.db.reading() as connection:
            listening_rule(settings, count_tokens(connection))
        stack.callback(hub.authenticator.close)
        stack.callback(hub.backtests.close)
        hub.teller.listen(lambda *asked: _do(hub, *asked))
        hub.fleet.refresh()
        sending = [*_forwardings(hub)]
        for one in sending:
            stack.callback(one.close)
        for worker in (build_worker(hub), build_polling(hub), *build_forwarding(hub, sending)):
            worker.start()
            stack.callback(worker.stop)
        for told in settings.statsd:
            listening = Listening(told, hub.intake, hub.writer, hub.metrics)
            listening.start()
            stack.callback(listening.stop)
        hub.kafka.start()
        stack.callback(hub.kafka.stop)
        stack.callback(hub.fleet.close)  # first: a poll waits for answers longer than we may
        yield hub


def _begin_with_token(hub: Hub) -> None:
    """The one that a setting names, where there never was any."""
    told = hub.settings.first_token
    with hub.db.reading() as connection:
        if told is None or count_tokens(connection):
            return
    text, now = SecretRef.parse(told).resolve().reveal(), datetime.now(UTC)
    if hub.writer.call(lambda connection: begin(connection, text, reference=told, now=now)):
        log.info("first_token_made", reference=told)


@contextmanager
def writing(settings: Settings, what: str = "hub") -> Iterator[Hub]:
    """The writing half of a hub, for commands: no loops, nothing listens.

    what: told to others who want the same SQLite file meanwhile.
    """
    with opened(settings, new=True) as db, StoreLock(db).held(what) as lock, ExitStack() as stack:
        for step in migrate(db):
            log.info("store_migrated", version=step)
        with db.reading() as connection:
            refuse_unfinished(connection)
        notice_restore(db)
        hub = build_hub(settings, db, lock)
        hub.writer.start()
        stack.callback(hub.writer.stop)
        stack.callback(hub.teller.close)
        stack.callback(hub.sense.close)
        stack.callback(hub.hands.close)
        stack.callback(hub.launching.close)
        yield hub


def _do(hub: Hub, target: str, asked: Action, now: datetime) -> None:
    """What somebody asks for in a channel that the hub listens to."""
    hub.writer.call(lambda connection: do(connection, hub.book, target, asked, now))


def notice_restore(db: Database) -> None:
    """Holds what leaves the hub where the store is a copy, and tells so at each start."""
    with db.writing() as connection:
        hold = notice(connection, datetime.now(UTC))
    if hold is not None:
        log.warning("store_held", since=hold.since.isoformat(), why=hold.why)


def build_worker(hub: Hub) -> Worker:
    """The periodic loops of this process."""
    commits = Commits()
    hub.writer.listeners.append(commits.another)
    worker = Worker(hub.db, replica_name(), Rounds(hub.metrics), commits=lambda: commits.count)
    for loop in loops(hub):
        worker.add(loop)
    if hub.teller.has_heartbeat:
        worker.add(Loop("heartbeat", MINUTE_S, lambda _: _beat(hub, worker), leased=False))
    if hub.settings.otlp_url is not None:
        worker.add(_exporting(hub, hub.settings.otlp_url))
    return worker


def _beat(hub: Hub, worker: Worker) -> None:
    """To whom watches the hub: all is well, unless a loop does not work or nobody is told of anything."""
    with hub.db.reading() as connection:
        hold = find_hold(connection)
    hub.teller.beat([*worker.failing(), *([] if hold is None else [str(hold)])])


def _exporting(hub: Hub, url: str) -> Loop:
    settings = hub.settings
    export = Export(hub.metrics, url, settings.otlp_headers, replica_name())
    return Loop("otlp", settings.otlp_every_s, lambda _: export.round(), leased=False)


def build_polling(hub: Hub) -> Worker:
    """The loops that ask orchestrators."""
    turns = Turns(polling.AT_ONCE, polling.PATIENCE_S)
    observer = Rounds(hub.metrics)
    worker = Worker(hub.db, replica_name(), observer, threads=polling.THREADS, turns=turns)
    polling.Polling(hub, worker)
    return worker


def _forwardings(hub: Hub) -> Iterator[Forwarding]:
    settings = hub.settings
    doing = Transactions(hub.db, hub.writer)
    for told in settings.forward:
        yield Forwarding(told, doing, hub.metrics, settings.allowed_networks)


def build_forwarding(hub: Hub, sending: Sequence[Forwarding]) -> Iterator[Worker]:
    """The loops that send to receivers, with threads of their own: one may be slow."""
    if not sending:
        return
    worker = Worker(hub.db, replica_name(), Rounds(hub.metrics), threads=len(sending))
    for one in sending:
        worker.add(_sending_on(one))
    yield worker


def _sending_on(one: Forwarding) -> Loop:
    return Loop(
        f"forward {one.told.name}",
        FORWARD_S,
        lambda tick: one.round(tick.now, tick.fence),
        elsewhere=one.elsewhere,
    )


class Commits:
    """Counts what this process commits."""

    def __init__(self) -> None:
        self.count = 0

    def another(self) -> None:
        self.count += 1


class Rounds:
    """Tells the metrics of each round of a loop."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def loop_ran(
        self, name: str, *, late_s: float, took_s: float, failed: bool, holding: bool
    ) -> None:
        told = self._metrics
        told.loop_lag_seconds.labels(name).set(late_s)
        told.lease_held.labels(name).set(holding)
        if holding:
            told.loop_ended(name, failed=failed, seconds=took_s)


def replica_name() -> str:
    """A name that no other process has, also after a restart in the same container."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
