"""Backfills: what would run, what runs, and how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Final, TypeVar

import msgspec
from fastapi import Depends, Query, Request
from pydantic import ValidationError
from starlette.responses import Response

from hub.access import Scope
from hub.api import backfills as api
from hub.api.access import principal_of
from hub.api.backfills import BackfillDetail, Backfills, BackfillView, Reader, Starter
from hub.api.params import Eyes, Hub, Paged, Text
from hub.errors import BadInput
from hub.ports.pages import to
from hub.store.backfills import StepState
from hub.triggers.backfills.spec import Backfill
from hub.triggers.backfills.told import PlanView
from hub.web.site import back_to, page, pages, read_form

T = TypeVar("T")

router: Final = pages()

Form = Annotated[dict[str, str], Depends(read_form)]
Name = Annotated[Text, Query(min_length=1, max_length=4096)]
Number = Annotated[int, Query(ge=1, le=2**53)]
#: Steps that are shown of a plan.
_SHOWN: Final = 200


@router.get("/backfills")
def show_backfills(request: Request, hub: Hub, eyes: Eyes, paged: Paged) -> Response:
    found = _told(api.list_backfills(hub, eyes, paged), Backfills)
    return page(request, "backfills.html", backfills=found.backfills, next=found.next_cursor)


@router.get("/backfill-plan")
def show_plan(
    request: Request, hub: Hub, by: Reader, namespace: Name, name: Name, first: date, last: date
) -> Response:
    """What a range of days would take; nothing is launched by it."""
    asked = {"namespace": namespace, "name": name, "first": str(first), "last": str(last)}
    plan = _told(api.plan_backfill(_wanted(asked), hub, by), PlanView)
    return page(
        request,
        "backfill_plan.html",
        plan=plan,
        steps=plan.steps[:_SHOWN],
        asked=asked,
        may_trigger=principal_of(request).has(Scope.TRIGGER),
    )


@router.post("/backfills")
def begin(hub: Hub, by: Starter, form: Form) -> Response:
    """Runs what was planned, as it stands now."""
    made = _told(api.add_backfill(_wanted(form), hub, by), BackfillView)
    return back_to(to("backfill", id=made.id))


@router.get("/backfill")
def show_backfill(
    request: Request,
    hub: Hub,
    eyes: Eyes,
    paged: Paged,
    id: Number,  # noqa: A002
    state: Annotated[StepState | None, Query()] = None,
) -> Response:
    found = _told(api.get_backfill(id, hub, eyes, paged, state), BackfillDetail)
    return page(
        request,
        "backfill.html",
        one=found.backfill,
        steps=found.steps,
        next=found.next_cursor,
        state=state,
        may_trigger=principal_of(request).has(Scope.TRIGGER),
    )


@router.post("/backfill")
def act_on_backfill(hub: Hub, by: Starter, id: Number, form: Form) -> Response:  # noqa: A002
    """`say`: pause, resume or cancel."""
    word, why = form.get("say", ""), api.Why(reason=form.get("reason", "")[:1000])
    if word == "pause":
        api.pause_backfill(id, hub, by, why)
    elif word == "resume":
        api.resume_backfill(id, hub, by)
    elif word == "cancel":
        api.cancel_backfill(id, hub, by, why)
    else:
        raise BadInput("say", word, "pause, resume or cancel")
    return back_to(to("backfill", id=id))


def _wanted(form: Mapping[str, str]) -> Backfill:
    dataset = {"namespace": form.get("namespace", ""), "name": form.get("name", "")}
    told: dict[str, Any] = {"dataset": dataset, "from": form.get("first"), "to": form.get("last")}
    if form.get("team"):
        told["team"] = form["team"]
    try:
        return Backfill.model_validate(told)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = ".".join(map(str, first["loc"]))
        raise BadInput(path, "", str(first["msg"]).removeprefix("Value error, ")) from None


def _told(answer: Response, kind: type[T]) -> T:
    """What a route of the API answers."""
    return msgspec.json.decode(bytes(answer.body), type=kind)
