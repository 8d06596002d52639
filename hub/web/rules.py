"""Rules: what each expects and what it opened; and how good the alerts are."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Annotated, Any, Final

from fastapi import Query, Request
from markupsafe import Markup
from msgspec import Struct
from starlette.responses import Response

from hub.access import Principal
from hub.api.hub import Hub as RunningHub
from hub.api.params import Eyes, Hub, Text
from hub.api.rules import Reader, RuleView, rules_seen
from hub.errors import NotFound
from hub.evaluate.book import Book, Rule
from hub.model import Viewer
from hub.store import incidents
from hub.store.alert_quality import quality
from hub.store.db import Connection
from hub.store.incident_counts import Opened, opened_by_rule
from hub.store.incident_views import IncidentView
from hub.store.reading import Page
from hub.web.charts import Bar, bars
from hub.web.site import page, pages

router: Final = pages()

_DAYS: Final = 28
_WEEKS: Final = (1, 4, 12)


class RuleTold(Struct, frozen=True):
    """A rule, what its kind expects, and what it opened of late."""

    view: RuleView
    expects: str
    loud: int
    dry: int


def expects(rule: Rule) -> str:
    """The first sentence that its kind's code says of itself."""
    told = sys.modules[type(rule.kind).__module__].__doc__ or ""
    return " ".join(told.partition("\n\n")[0].split())


@router.get("/rules")
def show_rules(request: Request, hub: Hub, eyes: Eyes, by: Reader) -> Response:
    since = datetime.now(UTC) - timedelta(days=_DAYS)
    with hub.db.reading() as connection:
        counted = opened_by_rule(connection, eyes, since)
        views = rules_seen(hub, connection, by)
    told = [_told(hub.book, view, counted.get(view.name, {})) for view in views]
    return page(request, "rules.html", rules=told, days=_DAYS)


def _told(book: Book, view: RuleView, opened: Mapping[date, Opened]) -> RuleTold:
    return RuleTold(
        view,
        expects(book.rules[view.name]),
        sum(one.loud for one in opened.values()),
        sum(one.dry for one in opened.values()),
    )


@router.get("/rule")
def show_rule(
    request: Request,
    hub: Hub,
    eyes: Eyes,
    by: Reader,
    name: Annotated[Text, Query(min_length=1, max_length=63)],
) -> Response:
    return rule_page(request, hub, eyes, by, name)


def rule_page(
    request: Request,
    hub: RunningHub,
    eyes: Viewer,
    by: Principal,
    name: str,
    given: Mapping[str, str] = MappingProxyType({}),
    wrong: str = "",
    status: int = 200,
) -> Response:
    """given, wrong: what somebody wanted to be tried, and why it can't be."""
    now = datetime.now(UTC)
    with hub.db.reading() as connection:
        view = rule_seen(hub, connection, by, name)
        opened = opened_by_rule(connection, eyes, now - timedelta(days=_DAYS), name).get(name, {})
        return page(
            request,
            "rule.html",
            status,
            rule=view,
            settings=_settings(hub.book.rules[name]),
            expects=expects(hub.book.rules[name]),
            chart=_chart(opened, now.date()),
            total=sum(one.loud + one.dry for one in opened.values()),
            days=_DAYS,
            incidents=_latest(connection, eyes, name),
            noisy=_noisy(connection, eyes, name, now),
            given={**fields_of(view, hub.book.rules[name]), **given},
            wrong=wrong,
            backtests=[one for one in hub.backtests.seen(eyes) if one.wanted.rule == name],
        )


def rule_seen(hub: RunningHub, connection: Connection, by: Principal, name: str) -> RuleView:
    """Raises NotFound of one that the principal may not see, or that is not there."""
    for view in rules_seen(hub, connection, by):
        if view.name == name:
            return view
    raise NotFound(f"Rule '{name}' not found.")


def fields_of(view: RuleView, rule: Rule) -> dict[str, str]:
    """What of a rule can be tried otherwise, as it stands; select is left out where it is private."""
    told = {"weeks": str(_WEEKS[1]), "settings": _readable(_settings(rule))}
    return told if view.select is None else told | {"select": _readable(view.select)}


def _readable(told: Mapping[str, Any]) -> str:
    set_ = {name: value for name, value in told.items() if value is not None}
    return json.dumps(set_, indent=1, ensure_ascii=False)


def _settings(rule: Rule) -> dict[str, Any]:
    """All of them, those that nobody has set, too."""
    told: dict[str, Any] = (
        type(rule.kind).Config.model_validate(rule.declared.settings).model_dump(mode="json")
    )
    return told


def _chart(opened: Mapping[date, Opened], today: date) -> Markup:
    days = [today - timedelta(days=n) for n in reversed(range(_DAYS))]
    return bars([_bar(day, opened.get(day, Opened())) for day in days], "incidents, day by day")


def _bar(day: date, one: Opened) -> Bar:
    parts = (
        ("b-bad", one.loud, f"{one.loud} opened"),
        ("b-none", one.dry, f"{one.dry} of a dry run"),
    )
    return Bar(day, parts)


def _latest(connection: Connection, eyes: Viewer, rule: str) -> list[IncidentView]:
    wanted = incidents.Filter(rule=rule)
    return incidents.list_incidents(connection, eyes, wanted, Page(20)).items


def _noisy(connection: Connection, eyes: Viewer, rule: str, now: datetime) -> str | None:
    """What would make it quieter, if it is noisy."""
    found = quality(connection, eyes, now - timedelta(days=_DAYS), now).rules
    return next((one.suggestion for one in found if one.rule == rule), None)


@router.get("/quality")
def show_quality(
    request: Request, hub: Hub, eyes: Eyes, weeks: Annotated[int, Query(ge=1, le=52)] = 4
) -> Response:
    now = datetime.now(UTC)
    with hub.db.reading() as connection:
        found = quality(connection, eyes, now - timedelta(weeks=weeks), now)
    return page(request, "quality.html", quality=found, weeks=weeks, periods=_WEEKS)
