"""What a running hub is made of, as its routes see it."""

from __future__ import annotations

from dataclasses import dataclass

from hub.advising import Advisor
from hub.api.live import Live
from hub.api.watch import Watch
from hub.authenticator import Authenticator
from hub.backtest.under_way import Backtests
from hub.evaluate.book import Book
from hub.evaluate.plan import Plan
from hub.kafka.consumers import Consumers
from hub.limits import IngestLimit
from hub.metrics import Metrics
from hub.people import People
from hub.polls.fleet import Fleet
from hub.polls.hands import Hands
from hub.polls.sense import Sense
from hub.ports import Teller
from hub.record import Incoming, Outcome, Recorder
from hub.record.intake import Intake
from hub.settings import Settings
from hub.store.db import Database
from hub.store.lock import StoreLock
from hub.store.writer import Writer
from hub.triggers.following import Following
from hub.triggers.grants import Grants
from hub.triggers.launching import Launching
from hub.triggers.plan import Plan as Subscriptions
from hub.triggers.pulling import Pulling


@dataclass(frozen=True, slots=True)
class Hub:
    """Everything that lives as long as the process; `hub.main` puts it together."""

    settings: Settings
    db: Database
    lock: StoreLock
    recorder: Recorder
    writer: Writer[Incoming, Outcome]
    authenticator: Authenticator
    people: People
    metrics: Metrics
    intake: Intake
    fleet: Fleet
    book: Book
    plan: Plan
    teller: Teller
    subscriptions: Subscriptions
    watch: Watch
    live: Live
    sense: Sense
    launching: Launching
    following: Following
    grants: Grants
    hands: Hands
    pulling: Pulling
    advisor: Advisor
    backtests: Backtests
    kafka: Consumers
    ingest_limit: IngestLimit | None = None
