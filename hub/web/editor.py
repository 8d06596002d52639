"""To write a subscription: a form that says at once what is wrong with its condition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from fastapi import Depends, Query, Request
from msgspec import Struct
from starlette.responses import Response

from hub.access import Principal, Scope
from hub.api import subscriptions as api
from hub.api.access import principal_of, require
from hub.api.params import Eyes, Hub, Text
from hub.errors import TracksideError
from hub.ports.pages import to
from hub.store import subscriptions as store
from hub.store.updates import datasets_named
from hub.triggers import conditions
from hub.triggers.spec import Spec, read_spec, spec_of
from hub.web.condition_tree import Drawn, outline, timing
from hub.web.site import back_to, fragment, page, pages, read_form

router: Final = pages()

Form = Annotated[dict[str, str], Depends(read_form)]
Starter = Annotated[Principal, Depends(require(Scope.TRIGGER))]

#: What the form has a field for; all else of a spec stands in `more`.
_FIELDS: Final = ("name", "team", "description", "when", "partitions")
_OF_LAUNCH: Final = ("orchestrator", "job", "partition")


class Mistake(Struct, frozen=True):
    """What is wrong with the text of a condition. pointed: the line, and an arrow at the place."""

    text: str
    pointed: str


class Read(Struct, frozen=True):
    """What a text means, or what is wrong with it. unknown: datasets that the hub never heard of."""

    mistake: Mistake | None = None
    plain: str = ""
    drawn: Drawn | None = None
    timing: list[str] = []
    unknown: list[str] = []


def read(text: str) -> Read:
    """Never raises for what people type."""
    try:
        condition = conditions.parse(text)
    except conditions.TextError as error:
        told = f"expected {error.expected}, found {error.found}"
        hint = f". {error.hint}" if error.hint else ""
        return Read(Mistake(f"{error.path}: {told}{hint}", _pointed(text, error)))
    except TracksideError as error:
        return Read(Mistake(str(error), ""))
    return Read(None, conditions.to_text(condition), outline(condition.when), timing(condition))


def _pointed(text: str, error: conditions.TextError) -> str:
    lines = text.split("\n")
    line = lines[error.line - 1] if error.line <= len(lines) else ""
    return f"{line}\n{' ' * (error.column - 1)}^"


@router.post("/condition")
def judge_condition(request: Request, hub: Hub, eyes: Eyes, form: Form) -> Response:  # noqa: ARG001
    """What a text means, while somebody types it."""
    found = read(form.get("when", ""))
    if found.mistake is None:
        inputs = conditions.inputs_of(conditions.parse(found.plain))
        with hub.db.reading() as connection:
            known = datasets_named(connection, inputs)
        unknown = sorted(f"{one.namespace}/{one.name}" for one in inputs - known.keys())
        found = msgspec.structs.replace(found, unknown=unknown)
    return fragment(request, "condition.html", found=found)


@router.get("/subscription-edit")
def show_editor(
    request: Request,
    hub: Hub,
    eyes: Eyes,
    name: Annotated[Text | None, Query(max_length=63)] = None,
    when: Annotated[Text, Query(max_length=20_000)] = "",
) -> Response:
    """With the subscription that is there, or an empty form."""
    given = {"when": when}
    if name:
        with hub.db.reading() as connection:
            kept = store.get_subscription(connection, name, eyes)
        given = fields_of(spec_of(kept.spec))
    return _editor(request, hub, given, name, "")


@router.post("/subscription-edit")
def keep(request: Request, hub: Hub, by: Starter, form: Form) -> Response:
    """Keeps it, or shows the form again with what is wrong."""
    old = form.get("old") or None
    try:
        spec = _spec(form)
        if old is None:
            api.add_subscription(spec, hub, by)
        else:
            api.change_subscription(old, spec, hub, by)
    except TracksideError as error:
        return _editor(request, hub, form, old, str(error), error.status)
    except _Mistaken as error:
        return _editor(request, hub, form, old, str(error), 422)
    return back_to(to("subscription", name=spec.name))


def _editor(
    request: Request,
    hub: Hub,
    given: Mapping[str, str],
    old: str | None,
    wrong: str,
    status: int = 200,
) -> Response:
    return page(
        request,
        "editor.html",
        status,
        given=given,
        old=old,
        wrong=wrong,
        found=read(given["when"]) if given.get("when") else None,
        orchestrators=sorted(hub.fleet.members),
        teams=sorted(principal_of(request).teams),
        may_trigger=principal_of(request).has(Scope.TRIGGER),
    )


# -- between a form and a spec -----------------------------------------------------------------


class _Mistaken(ValueError):
    """What is wrong with a form, field by field."""


def fields_of(spec: Spec) -> dict[str, str]:
    """As the form shows it."""
    told = spec.kept()
    launch = told.pop("launch")
    found: dict[str, str] = {name: str(told.pop(name)) for name in _FIELDS if name in told}
    found |= {name: str(launch.pop(name)) for name in _OF_LAUNCH if name in launch}
    found["conf"] = _json(launch.pop("conf", {}))
    more = told | ({"launch": launch} if launch else {})
    return found | {"more": _json(more)}


def _spec(form: Mapping[str, str]) -> Spec:
    more = _object(form, "more")
    launch = {name: form[name].strip() for name in _OF_LAUNCH if form.get(name, "").strip()}
    conf = _object(form, "conf")
    told: dict[str, Any] = {
        name: form[name].strip() for name in _FIELDS if form.get(name, "").strip()
    }
    told["launch"] = more.pop("launch", {}) | launch | ({"conf": conf} if conf else {})
    found = read_spec(more | told)
    if isinstance(found, Spec):
        return found
    raise _Mistaken("; ".join(f"{'.'.join(map(str, one.path))}: {one.text}" for one in found))


def _object(form: Mapping[str, str], name: str) -> dict[str, Any]:
    text = form.get(name, "").strip()
    try:
        return msgspec.json.decode(text, type=dict[str, Any]) if text else {}
    except msgspec.MsgspecError as error:
        raise _Mistaken(f"{name}: expected a JSON object: {error}") from error


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() if value else ""
