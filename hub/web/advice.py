"""Advice: what could be done better, by pattern, and saying that something is as it should be."""

from __future__ import annotations

from itertools import groupby
from typing import Annotated, Final

from fastapi import Depends, Query, Request
from pydantic import ValidationError
from starlette.responses import Response

from hub.advice.base import patterns
from hub.api import advice
from hub.api.advice import Asked, Dismissed, advice_seen
from hub.api.params import Eyes, Hub, Operator, Text
from hub.errors import BadInput
from hub.web.site import LEFT_EMPTY, back_to, ours, page, pages, read_form
from hub.web.words import told

router: Final = pages()

Form = Annotated[dict[str, str], Depends(read_form)]
_PAGE: Final = 100
_A_KEY: Final = 16


@router.get("/advice")
def show_advice(
    request: Request,
    hub: Hub,
    eyes: Eyes,
    team: Annotated[Text | None, Query(max_length=512), LEFT_EMPTY] = None,
    kind: Annotated[Text | None, Query(max_length=64), LEFT_EMPTY] = None,
    namespace: Annotated[Text | None, Query(max_length=4096), LEFT_EMPTY] = None,
    name: Annotated[Text | None, Query(max_length=4096), LEFT_EMPTY] = None,
    dismissed: bool = False,  # noqa: FBT001, FBT002  a query parameter has a name
    cursor: Annotated[Text | None, Query(max_length=4096)] = None,
) -> Response:
    asked = Asked(team, kind, namespace, name, dismissed)
    found = advice_seen(hub, eyes, asked, _PAGE, cursor)
    return page(
        request,
        "advice.html",
        found=found,
        groups=[
            (title, list(those)) for title, those in groupby(found.advice, lambda one: one.title)
        ],
        asked=asked,
        kept={
            "team": team,
            "kind": kind,
            "namespace": namespace,
            "name": name,
            "dismissed": "true" if dismissed else None,
        },
        kinds=[(each, one.title) for each, one in patterns.items()],
        said=lambda one: [told(*fact) for fact in one.evidence.items() if fact[1] is not None],
    )


@router.post("/advice")
def dismiss(hub: Hub, eyes: Eyes, by: Operator, form: Form) -> Response:
    """Nobody hears it again (`say` dismiss), or they do (`say` again)."""
    key = form.get("key", "")
    if len(key) != _A_KEY or not set(key) <= set("0123456789abcdef"):
        raise BadInput("key", key, "the key of a piece of advice, as the page names it")
    if form.get("say") == "again":
        advice.take_back(key, hub, eyes, by)
    else:
        advice.dismiss(key, _why(form), hub, eyes, by)
    return back_to(ours(form.get("next", "advice")))


def _why(form: dict[str, str]) -> Dismissed:
    try:
        return Dismissed(why=form.get("why", "").strip())
    except ValidationError:
        raise BadInput(
            "why", form.get("why", ""), "a reason of at most 1,000 letters, for those who ask later"
        ) from None
