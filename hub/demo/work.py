"""What the people of the made-up shop want done: subscriptions, launches, a backfill, offers, and
what they say of an incident.

Asked for once, over the same functions as everybody's; the loops of the hub do the rest.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from hub.demo.board import KIND, hang_up
from hub.demo.desk import DESK, SUMMARY, UNKNOWN
from hub.demo.tables import DWH
from hub.evaluate.people import say
from hub.incidents import acknowledge
from hub.model import EntityName, Viewer
from hub.ports import NewLaunch
from hub.settings import Settings
from hub.settings.sections import Orchestrator
from hub.store import backfills, incidents, launches, offers, subscriptions
from hub.store.db import Connection
from hub.store.reading import Page
from hub.store.subscriptions import API
from hub.triggers.backfills.plan import plan
from hub.triggers.backfills.spec import Backfill
from hub.triggers.backfills.told import Who, kept_of
from hub.triggers.backfills.world import read_world
from hub.triggers.plan import wanted_of
from hub.triggers.spec import Spec

PERSON: Final = "ann"
ALL: Final = Viewer(all=True)
#: Updates of so long ago count for what is asked for now: of what comes often, and of what is late.
BACK: Final = timedelta(hours=9)
FAR_BACK: Final = timedelta(hours=36)
WAITING: Final = "stock-alert"
OVER: Final = timedelta(days=60)

#: Of each: its team, its condition, and what else there is to say.
SUBSCRIPTIONS: Final[dict[str, dict[str, Any]]] = {
    "orders-digest": {
        "team": "finance",
        "description": "The orders since the last digest, for the floor.",
        "when": f"{DWH}/dwh.staging.orders",
    },
    WAITING: {
        "team": "ingest",
        "description": "What runs out, once it has been counted and forecast.",
        "when": f"all({DWH}/dwh.staging.stock, {DWH}/dwh.ml.stock_forecast)",
    },
    "rates-feed": {
        "team": "finance",
        "description": "Rates for partners.",
        "when": f"{DWH}/dwh.staging.fx_rates",
    },
    "visits-letter": {
        "team": "ml",
        "description": "Visits, by mail. The team has no grant for the desk.",
        "when": f"{DWH}/dwh.analytics.web_sessions",
    },
}
#: From how many days ago until how many: those that are lacking are made anew.
FILLED: Final = (6, 3)
PAUSED: Final = ("rates-feed", "the partners' server is being moved")


def declared(settings: Settings) -> Settings:
    """With the desk, who may launch there, and a board that shows incidents."""
    hang_up()
    desk = Orchestrator(name=DESK, kind="engine", namespaces=[DESK], settings={"launch": "pull"})
    board = {"name": "office-board", "kind": KIND, "settings": {}}
    office = {"name": "office", "to": ["office-board"], "group_wait_s": 5}
    grants = [{"team": team, "orchestrator": DESK, "job": "*"} for team in ("finance", "ingest")]
    told = {
        "orchestrators": [*settings.orchestrators, desk],
        "targets": [*settings.targets, board],
        "routes": [*settings.routes, office],
        "grants": [*settings.grants, *grants],
    }
    return settings.model_copy(update=told)


def ask(connection: Connection, now: datetime) -> bool:
    """All that is wanted, in one transaction; nothing if it was asked for before."""
    if subscriptions.find_subscription(connection, next(iter(SUBSCRIPTIONS))) is not None:
        return False
    for name, told in SUBSCRIPTIONS.items():
        launch = {"orchestrator": DESK, "namespace": DESK, "job": name.replace("-", "_")}
        since = now - (FAR_BACK if name == WAITING else BACK)
        spec = Spec.model_validate({"name": name, "launch": launch, "since": since, **told})
        wanted = wanted_of(spec)
        subscriptions.put_subscription(connection, wanted, origin=API, by=PERSON, now=now)
    name, why = PAUSED
    subscriptions.pause(connection, name, PERSON, why, now)
    _offer(connection, now)
    launches.ask(connection, _by_hand(now), now)
    _fill(connection, now)
    return True


def _offer(connection: Connection, now: datetime) -> None:
    """Customers are for some teams alone; visits are to end."""
    customers, visits = (
        EntityName(DWH, name) for name in ("dwh.staging.customers", "dwh.analytics.web_sessions")
    )
    some = offers.Terms("teams", ["analytics", "ml"])
    offers.put_offer(connection, ALL, customers, some, PERSON, now)
    why = "Visits move to dwh.analytics.visits."
    offers.deprecate(connection, ALL, visits, now + OVER, why, PERSON, now)


def _by_hand(now: datetime) -> list[NewLaunch]:
    """One for tomorrow, one that waits for a person's word, one that the desk can't do."""
    tomorrow = now.replace(hour=6, minute=0, second=0, microsecond=0) + timedelta(days=1)
    letter = EntityName(DESK, "partner_letter")
    return [
        NewLaunch(
            key="demo-tomorrow",
            orchestrator=DESK,
            job=letter,
            note="for the meeting tomorrow",
            asked_by=PERSON,
            not_before=tomorrow,
        ),
        NewLaunch(
            key="demo-held",
            orchestrator=DESK,
            job=letter,
            note="the letter once more",
            asked_by=PERSON,
            held="somebody has to read the draft first",
        ),
        NewLaunch(
            key="demo-unknown",
            orchestrator=DESK,
            job=EntityName(DESK, UNKNOWN),
            note="it is early this year",
            asked_by=PERSON,
        ),
    ]


def _fill(connection: Connection, now: datetime) -> None:
    """Some of the days that are lacking are made anew."""
    first, last = (now - timedelta(days=ago) for ago in FILLED)
    wanted = Backfill.model_validate(
        {
            "dataset": {"namespace": SUMMARY.namespace, "name": SUMMARY.name},
            "from": f"{first:%Y-%m-%d}",
            "to": f"{last:%Y-%m-%d}",
            "levels": 0,
        }
    )
    graph, asked = read_world(connection, ALL, wanted, lambda _: None, now)
    made = plan(graph, asked, now)
    backfills.add_backfill(connection, kept_of(made, graph, wanted, Who(None, PERSON)), now)


def speak(connection: Connection, now: datetime) -> bool:
    """Somebody takes an incident of data that is too old, which does not heal by itself; whether
    somebody has one.
    """
    wanted = incidents.Filter(open=True, kind="freshness")
    found = incidents.list_incidents(connection, ALL, wanted, Page(20)).items
    if any(one.state == "ACKNOWLEDGED" for one in found):
        return True
    for one in found[:1]:
        say(connection, one.id, _taken, PERSON, now)
    return False


def _taken(held: Any, now: datetime) -> Any:
    return acknowledge(held.incident, "looking into it", now)
