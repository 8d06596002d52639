"""The advisor: what all jobs and datasets show together, read and judged now and then.

It takes seconds where there are many, so that one look serves whoever asks for some minutes, two
never look at a time, and then a process of its own does it. It reads a snapshot, and writes nothing.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from time import monotonic
from typing import Any, Final

import msgspec
import structlog
import yaml
from msgspec import Struct
from pydantic import ValidationError

from hub import advice
from hub.advice.base import WINDOW, Advice, Operator, Subscribe, TaskSeen, World, advise
from hub.errors import Overloaded, Unavailable
from hub.model import EntityName
from hub.openlineage.operators import operator_of
from hub.store import advice as facts
from hub.store import advice_tasks
from hub.store.db import Connection, Database
from hub.store.outages import outages
from hub.triggers import conditions
from hub.triggers.conditions.tree import All, AnyOf, Condition, Updated
from hub.triggers.spec import Spec

log = structlog.get_logger(__name__)

advice.load()

#: A look serves everybody for so many times as long as it took, so that looking is little work
#: whatever there is to see; but no shorter, and no longer, than this.
TIMES: Final = 100
SHORTEST: Final = timedelta(minutes=1)
LONGEST: Final = timedelta(minutes=15)
#: Threads that serve requests are few: so long one of them waits for the first look.
PATIENCE_S: Final = 10.0
RETRY_S: Final = 5.0
#: Of so many runs a look takes less time than a process takes to start.
FEW_RUNS: Final = 20_000
#: A look that takes longer is given up.
MOST_S: Final = 300.0
_LONGEST_NAME: Final = 63


class Look(Struct, frozen=True):
    """All that is to be said as of an instant, by its key and in its order, whoever may see it."""

    at: datetime
    advice: Mapping[str, Advice]
    took_s: float = 0.0

    def is_good(self, asked: datetime, *, anew: bool) -> bool:
        """Whether it serves who asks then; anew: it must not be from before."""
        serves = min(LONGEST, max(SHORTEST, timedelta(seconds=TIMES * self.took_s)))
        return self.at >= asked if anew else self.at + serves >= asked


class Advisor:
    """Keeps the latest look. While one is under way the one before serves."""

    def __init__(
        self,
        look: Callable[[datetime], Look],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._look = look
        self._clock = clock
        self._looking = threading.Lock()
        self._latest: Look | None = None

    def look(self, *, anew: bool = False) -> Look:
        """The latest one, if it is fresh and none is asked for anew.

        Raises Overloaded if there is none yet, and the first one takes long.
        """
        asked = self._clock()
        held = self._latest
        if held is not None and held.is_good(asked, anew=anew):
            return held
        if not self._looking.acquire(timeout=PATIENCE_S if held is None or anew else 0):
            if held is not None:
                return held
            raise Overloaded("all jobs are being looked at; ask again in a moment", RETRY_S)
        try:
            held = self._latest
            if held is None or not held.is_good(asked, anew=anew):
                held = self._latest = self._look(self._clock())
                log.info("advice_looked", advice=len(held.advice), took_s=round(held.took_s, 3))
            return held
        finally:
            self._looking.release()


def look(db: Database, now: datetime) -> Look:
    """Looks at all that there is; the snapshot is let go before it is thought about."""
    begun = monotonic()
    with db.reading() as connection:
        world = world_of(connection, now)
    found = {one.key: one for one in advise(world, now)}
    return Look(now, found, monotonic() - begun)


class _Asked(Struct, frozen=True):
    """What the process that looks is told; on its standard input, for the URL may hold a password."""

    database_url: str
    now: datetime


def looking(db: Database) -> Callable[[datetime], Look]:
    """Looks where it is done sooner without holding up anybody: here, or apart."""
    there = apart(db)

    def at(now: datetime) -> Look:
        with db.reading() as connection:
            few = facts.has_few_runs(connection, FEW_RUNS)
        return look(db, now) if few else there(now)

    return at


def apart(db: Database) -> Callable[[datetime], Look]:
    """Looks by a process of its own, which holds up nobody here, and gives its memory back."""
    return partial(_look_apart, db.url.render_as_string(hide_password=False))


def _look_apart(database_url: str, now: datetime) -> Look:
    asked = msgspec.json.encode(_Asked(database_url, now))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "hub.advising"],
            input=asked, stdout=subprocess.PIPE, timeout=MOST_S, check=True,
        )  # fmt: skip
    except subprocess.SubprocessError as error:
        log.warning("advice_not_looked", error=type(error).__name__)
        raise Unavailable("no advice can be had now: the log of the hub says why") from None
    return msgspec.json.decode(done.stdout, type=Look)


def _main() -> None:
    """Of that process. What is printed besides goes where errors go."""
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=_Asked)
    with closing(Database(asked.database_url)) as db:
        found = look(db, asked.now)
    with answer:
        answer.write(msgspec.json.encode(found))


def world_of(connection: Connection, now: datetime) -> World:
    since = now - WINDOW
    seen = facts.seen(connection, now)
    return World(
        since=since,
        jobs=seen.jobs,
        datasets=seen.datasets,
        tasks=[
            task
            for told in advice_tasks.tasks(connection, since)
            if (task := _task(told)) is not None
        ],
        tries=advice_tasks.tries(connection, since),
        rewrites=advice_tasks.rewrites(connection, since),
        deaf=[(one.since, one.until or now) for one in outages(connection, since)],
    )


def _task(told: advice_tasks.Task) -> TaskSeen | None:
    """None: nobody says what runs in it."""
    operator = operator_of(told.facets)
    if operator is None:
        return None
    return TaskSeen(
        job=told.job,
        operator=Operator(operator.name, operator.path, operator.deferrable, operator.mode),
        runs=told.runs,
        mean_s=told.mean_s,
        starts=told.starts,
        attempts=told.attempts,
        median_bytes=told.median_bytes,
        latest_run=told.latest_run,
    )


# -- what is pasted ------------------------------------------------------------------------------


def pasted(one: Advice) -> str | None:
    """What to write into trackside.yaml; None: nothing, or what can't be written there."""
    return subscription(one.paste) if isinstance(one.paste, Subscribe) else one.paste


def subscription(wanted: Subscribe) -> str | None:
    """The subscription as YAML, checked as the file is."""
    if wanted.orchestrator is None:
        return None
    inputs = tuple(Updated(name) for name in wanted.inputs)
    group = AnyOf if wanted.any else All
    when = Condition(inputs[0] if len(inputs) == 1 else group(inputs))
    launch: dict[str, Any] = {"orchestrator": wanted.orchestrator, "job": wanted.job.name}
    if wanted.job.namespace != wanted.orchestrator:
        launch["namespace"] = wanted.job.namespace
    told: dict[str, Any] = {"name": name_for(wanted.job)}
    if wanted.team is not None:
        told["team"] = wanted.team
    told["when"] = conditions.to_text(when)
    if wanted.same_partition:
        told["partitions"] = "identity"
        launch["partition"] = "{partition}"
    told["launch"] = launch
    try:
        Spec.model_validate(told)
    except ValidationError:
        return None
    return str(yaml.safe_dump({"subscriptions": [told]}, sort_keys=False, allow_unicode=True))


def name_for(job: EntityName) -> str:
    """What a subscription that launches the job may be called."""
    plain = re.sub(r"[^a-z0-9]+", "-", job.name.lower()).strip("-") or "job"
    return f"{plain[: _LONGEST_NAME - len('-on-data')].strip('-')}-on-data"


if __name__ == "__main__":
    _main()
