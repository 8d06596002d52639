"""`trackside demo`: the hub with a small made-up world to look at."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec
import structlog
import typer

from hub import logs, serve
from hub.api.hub import Hub
from hub.commands.common import ConfigFile, load, out, progress
from hub.demo.desk import Desk
from hub.demo.facets import Json
from hub.demo.play import Told, play, world
from hub.demo.work import ask, declared, speak
from hub.errors import TracksideError
from hub.main import running
from hub.record import Sender
from hub.settings import Settings
from hub.store.lock import Holder
from hub.web.app import create_site

log = structlog.get_logger(__name__)

#: How often the people of the demo look at what there is to do.
TURN_S: Final = 0.5

DATA: Final = "sqlite:///data/demo.db"

ORDERS: Final = "dataset:postgres%3A%2F%2Fdwh%3A5432:dwh.core.orders"

#: What to look at, and how. Every one is asked for by a test.
SIGHTS: Final = (
    ("what is wrong now", "{api}/incidents?open=true&roots=true"),
    ("what watches a job", "{api}/rules/explain?nodeId=job:af-prod:stock_levels"),
    ("what failed last", "{api}/jobs?lastRunStates=FAILED&limit=5"),
    ("a run that hangs", "{api}/namespaces/af-prod/jobs/export_partners/runs?limit=1"),
    ("a job that is late", "{api}/namespaces/af-prod/jobs/stock_levels"),
    ("one that gets slower", "{api}/namespaces/af-prod/jobs/revenue_daily.build/runs?limit=30"),
    (
        "a dataset gone stale",
        "{api}/namespaces/postgres%3A%2F%2Fdwh%3A5432/datasets/dwh.ml.stock_forecast",
    ),
    ("who lives on the orders", f"{{api}}/lineage?direction=DOWNSTREAM&nodeId={ORDERS}"),
    ("what could be done better", "{api}/advice?kind=guessed_start"),
    ("everything of a team", "{api}/search?q=team:finance"),
)


def command(
    weeks: Annotated[int, typer.Option(help="Weeks of history.", min=1, max=26)] = 3,
    seed: Annotated[
        int, typer.Option(help="Another number makes another history; give it a store of its own.")
    ] = 1,
    database_url: Annotated[
        str, typer.Option(help="Where to play it. No other setting moves it.", metavar="URL")
    ] = DATA,
    host: Annotated[str | None, typer.Option(help="Address to listen on (127.0.0.1).")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on (8080); 0 takes a free one.")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Run the hub with a small made-up world to look at.

    Some weeks in the life of a web shop's data platform: an Airflow, a Dagster, a host's cron and
    an engine of the house, four teams, failures and retries, a job that is late, a run that hangs,
    a dataset that nobody updates. Also events that real orchestrators sent. It goes into a data
    file of its own, never into yours; run again, it adds what has happened since.

    Look at it:  trackside demo --port 8081
    """
    settings = load(config, host=host, port=port, database_url=database_url)
    run(settings, weeks, seed)


def run(settings: Settings, weeks: int, seed: int) -> None:
    """Plays the world, then serves until SIGTERM or SIGINT."""
    logs.setup(settings.log_level, settings.log_format)
    settings = declared(settings)
    with ExitStack() as stack:
        sock = stack.enter_context(serve.listen(settings))
        url = serve.url_of(sock)
        hub = stack.enter_context(running(settings))
        hub.lock.tell(Holder(os.getpid(), url))
        told = fill(hub, weeks, seed)
        stack.enter_context(at_work(hub))
        serve.run(create_site(hub), sock, lambda: greet(told, url), hub)


def fill(hub: Hub, weeks: int, seed: int) -> Told:
    """Plays the world into the hub, with a bar."""
    with progress() as bars:
        bar = bars.add_task("Making up a world", total=None)
        made_up = world(datetime.now(UTC), weeks, seed)
        bars.update(bar, description="Playing it", total=len(made_up))
        return play(hub.intake, hub.writer, made_up, lambda count: bars.advance(bar, count))


@contextmanager
def at_work(hub: Hub) -> Iterator[None]:
    """People ask for things, and the desk does what it is asked for, until the end."""
    ended = threading.Event()
    office = Office(hub)
    thread = threading.Thread(target=office.work, args=(ended,), name="demo-office")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class Office:
    """What goes on in the made-up shop while somebody looks at it."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._desk = Desk(hub.pulling, self._tell)
        self._spoken = False
        hub.writer.call(lambda connection: ask(connection, datetime.now(UTC)))

    def work(self, ended: threading.Event) -> None:
        while not ended.wait(TURN_S):
            try:
                self.turn(datetime.now(UTC))
            except TracksideError as error:
                log.warning("demo_office_failed", error=str(error))

    def turn(self, now: datetime) -> None:
        self._desk.turn(now)
        if not self._spoken:
            self._spoken = self._hub.writer.call(lambda connection: speak(connection, now))

    def _tell(self, events: Sequence[Json]) -> None:
        for event in events:
            read = self._hub.intake.event(msgspec.json.encode(event), Sender())
            self._hub.writer.record(read.items)


def greet(told: Told, url: str) -> None:
    """Says what there is now and what to look at."""
    was_there = f", {told.again} were there already" if told.again else ""
    out.print(
        f"\n[bold]Trackside[/] listens on [bold]{url}[/] with a made-up world; look at it there."
    )
    out.print(
        f"  {told.new} lineage events are new{was_there}; {told.observed} observations, "
        f"{told.refused} refused on purpose\n\nThe same over the API\n"
    )
    for what, address in SIGHTS:
        shown = address.format(api=f"{url}/api/v1")
        out.print(f"  # {what}\n  curl -s '{shown}'", markup=False, soft_wrap=True)
    last = f"All of the API: {url}/docs. The words: docs/glossary.md. To stop: Ctrl-C."
    out.print(f"\n{last}\n", soft_wrap=True)
