"""Backtests: what a rule would have told of the past, started from its page and looked at on theirs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import Depends, Query, Request
from markupsafe import Markup
from pydantic import ValidationError
from starlette.responses import Response

from hub.api.backtests import NewBacktest, started
from hub.api.params import Eyes, Hub, Text
from hub.api.rules import Reader
from hub.backtest.of_rule import Week
from hub.backtest.under_way import Backtest
from hub.errors import BadInput, TracksideError, mistake_at
from hub.ports.pages import to
from hub.web.charts import Bar, bars
from hub.web.rules import fields_of, rule_page, rule_seen
from hub.web.site import back_to, page, pages, read_form

router: Final = pages()

Form = Annotated[dict[str, str], Depends(read_form)]
Key = Annotated[Text, Query(max_length=16)]
_EACH: Final = "week of "


@router.post("/backtests")
def begin(request: Request, hub: Hub, eyes: Eyes, by: Reader, form: Form) -> Response:
    """Begins it, or shows the rule again with what is wrong."""
    name = form.get("rule", "")
    with hub.db.reading() as connection:
        held = fields_of(rule_seen(hub, connection, by, name), hub.book.rules[name])
    try:
        made = started(hub, by, _wanted(form, held))
    except TracksideError as error:
        return rule_page(request, hub, eyes, by, name, form, str(error), error.status)
    return back_to(to("backtest", id=made.id))


@router.get("/backtest")
def show_backtest(request: Request, hub: Hub, eyes: Eyes, by: Reader, id: Key) -> Response:  # noqa: A002
    one = hub.backtests.get(id, eyes)
    with hub.db.reading() as connection:
        view = rule_seen(hub, connection, by, one.wanted.rule)
    held = fields_of(view, hub.book.rules[one.wanted.rule])
    found = one.found
    return page(
        request,
        "backtest.html",
        one=one,
        found=found,
        by_label=_drawn(found.weeks, _by_label, "incidents by week, by their labels")
        if found
        else Markup(),
        by_fate=_drawn(found.weeks, _by_fate, "incidents by week, against the rule as it stands")
        if found
        else Markup(),
        given={**held, **_tried(one, held)},
    )


@router.post("/backtest")
def cancel(hub: Hub, eyes: Eyes, id: Key) -> Response:  # noqa: A002
    hub.backtests.cancel(id, eyes)
    return back_to(to("backtest", id=id))


# -- what is typed -------------------------------------------------------------------------------


def _wanted(form: Mapping[str, str], held: Mapping[str, str]) -> NewBacktest:
    """What is as it stands is not asked for otherwise. Raises BadInput of what can't be tried."""
    told: dict[str, Any] = {"rule": form["rule"], "weeks": form.get("weeks") or held["weeks"]}
    for name in held.keys() & {"settings", "select"}:
        given = _object(name, form.get(name, ""))
        if given is not None and given != json.loads(held[name]):
            told[name] = given
    try:
        return NewBacktest.model_validate(told)
    except ValidationError as error:
        (first, *_) = error.errors(include_url=False)
        raise BadInput("", told, "what a rule may be set to", mistake_at(first)) from None


def _object(name: str, text: str) -> dict[str, Any] | None:
    """None: it was left empty."""
    if not text.strip():
        return None
    try:
        told = json.loads(text)
    except ValueError as error:
        raise BadInput(name, text, "a JSON object", str(error)) from None
    if not isinstance(told, dict):
        raise BadInput(name, text, "a JSON object")
    return told


def _tried(one: Backtest, held: Mapping[str, str]) -> dict[str, str]:
    """The fields of the form with what was tried."""
    changed = one.wanted.changed
    told = {
        name: json.dumps(value, indent=1, ensure_ascii=False)
        for name, value in changed.items()
        if name in held
    }
    return told | {"weeks": str(one.wanted.weeks)} | ({"open": "open"} if changed else {})


# -- what is drawn -------------------------------------------------------------------------------

Parts = tuple[tuple[str, int, str], ...]


def _drawn(weeks: Sequence[Week], parts: Callable[[Week], Parts], title: str) -> Markup:
    return bars([Bar(one.begin.date(), parts(one)) for one in weeks], title, each=_EACH)


def _by_label(one: Week) -> Parts:
    rest = one.incidents - one.real - one.not_real
    return (
        ("b-bad", one.real, f"{one.real} real"),
        ("b-late", one.not_real, f"{one.not_real} not real"),
        ("b-none", rest, f"{rest} without a label"),
    )


def _by_fate(one: Week) -> Parts:
    return (
        ("b-none", one.both, f"{one.both} told by both"),
        ("b-bad", one.new, f"{one.new} new"),
        ("b-good", one.gone, f"{one.gone} no longer told"),
    )
