"""Advice: what the metadata of all jobs shows that could be done better, and who does not want to hear it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from hub.access import Principal, Scope
from hub.advice.base import Advice, Example, patterns, place_of
from hub.advising import pasted
from hub.api.answers import answer, answers
from hub.api.edits import edit
from hub.api.errors import RESPONSES
from hub.api.hub import Hub as RunningHub
from hub.api.params import Cursor, Eyes, Hub, Limit, Operator, Text
from hub.errors import BadInput, Forbidden, NotFound
from hub.model import EntityName, Viewer
from hub.store import dismissals as store
from hub.store.db import Connection
from hub.store.dismissals import Dismissal
from hub.store.reading import decode_cursor, encode_cursor

router: Final = APIRouter(prefix="/api/v1/advice", tags=["advice"], responses=RESPONSES)

Key = Annotated[str, Path(pattern="^[0-9a-f]{16}$", description="`key` of a piece of advice")]
Kind = Annotated[Text | None, Query(max_length=64, description="a pattern, such as guessed_start")]


class AdviceView(Struct, frozen=True, rename="camel"):
    """One piece of advice: `job` or `dataset` is what it is about. `savesS`: seconds that each run
    would be earlier. `yaml`: what to write into trackside.yaml. `dismissal`: who does not want to
    hear it.
    """

    key: str
    kind: str
    title: str
    job: EntityName | None
    dataset: EntityName | None
    team: str | None
    says: str
    evidence: dict[str, Any]
    examples: Sequence[Example]
    fix: str
    saves_s: float | None
    yaml: str | None
    dismissal: Dismissal | None


class AdviceList(Struct, frozen=True, rename="camel"):
    """`lookedAt`: when the metadata was read; it is read anew after some minutes."""

    looked_at: datetime
    advice: list[AdviceView]
    total_count: int
    next_cursor: str | None


class Asked(Struct, frozen=True):
    """What of all advice is asked for. name: of the job or dataset that it is about."""

    team: str | None = None
    kind: str | None = None
    namespace: str | None = None
    name: str | None = None
    dismissed: bool = False

    def wants(self, one: Advice, *, dismissed: bool) -> bool:
        subject = one.job or one.dataset or EntityName("", "")
        return (
            self.team in {None, one.team}
            and self.kind in {None, one.kind}
            and self.namespace in {None, subject.namespace}
            and self.name in {None, subject.name}
            and self.dismissed is dismissed
        )


class Dismissed(BaseModel):
    """Why it is as it should be."""

    model_config = ConfigDict(extra="forbid")

    why: Text = Field(min_length=1, max_length=1000, examples=["the export is read by the bank"])


@router.get("", responses=answers(AdviceList))
def list_advice(
    hub: Hub,
    eyes: Eyes,
    team: Annotated[Text | None, Query(max_length=512)] = None,
    kind: Kind = None,
    namespace: Annotated[Text | None, Query(max_length=4096)] = None,
    name: Annotated[
        Text | None, Query(max_length=4096, description="of the job or dataset it is about")
    ] = None,
    dismissed: Annotated[  # noqa: FBT002  a query parameter has a name
        bool, Query(description="instead that which somebody does not want to hear")
    ] = False,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Anti-patterns that the metadata of the last 30 days shows, each with its evidence and what to do instead."""
    asked = Asked(team, kind, namespace, name, dismissed)
    return answer(advice_seen(hub, eyes, asked, limit, cursor))


def advice_seen(
    hub: RunningHub, eyes: Viewer, asked: Asked, limit: int, cursor: str | None = None
) -> AdviceList:
    """A page of what is asked for and the viewer may see. BadInput of a kind that there is none of."""
    if asked.kind is not None and asked.kind not in patterns:
        raise BadInput("kind", asked.kind, f"one of {', '.join(patterns)}")
    look = hub.advisor.look()
    with hub.db.reading() as connection:
        held = store.dismissals(connection)
        closed = store.closed_keys(connection, eyes)
    wanted = [
        one
        for key, one in look.advice.items()
        if _is_open(one, closed) and asked.wants(one, dismissed=key in held)
    ]
    after = () if cursor is None else decode_cursor(cursor, tuple[str, str, str, str])
    rest = [one for one in wanted if place_of(one) > after] if after else wanted
    page = rest[:limit]
    more = len(rest) > limit and page
    return AdviceList(
        look.at,
        [_view(one, held.get(one.key)) for one in page],
        len(wanted),
        encode_cursor(*place_of(page[-1])) if more else None,
    )


@router.post("/{key}/dismissal", status_code=201, responses=answers(AdviceView, 201))
def dismiss(key: Key, asked: Dismissed, hub: Hub, eyes: Eyes, by: Operator) -> Response:
    """It is not told again, until that is taken back."""
    one = _found(hub, eyes, key)
    _require_reach(by, one)

    def change(connection: Connection, now: datetime) -> AdviceView:
        made = Dismissal(asked.why, by.name, now)
        store.dismiss(connection, key, one.kind, _about(one), made)
        return _view(one, made)

    return answer(edit(hub, by, "advice_dismissed", _audited(one), change), 201)


@router.delete("/{key}/dismissal", status_code=204)
def take_back(key: Key, hub: Hub, eyes: Eyes, by: Operator) -> Response:
    """It is told again, as long as it is so."""
    one = _found(hub, eyes, key)
    _require_reach(by, one)

    def change(connection: Connection, now: datetime) -> None:  # noqa: ARG001
        if not store.take_back(connection, key):
            raise NotFound(f"Advice '{key}' was not dismissed.")

    edit(hub, by, "advice_dismissal_taken_back", _audited(one), change)
    return Response(status_code=204)


def _found(hub: RunningHub, eyes: Viewer, key: str) -> Advice:
    with hub.db.reading() as connection:
        closed = store.closed_keys(connection, eyes)
    one = hub.advisor.look().advice.get(key)
    if one is not None and _is_open(one, closed):
        return one
    raise NotFound(f"There is no advice '{key}' now; list it by GET /api/v1/advice.")


def _is_open(one: Advice, closed: store.ClosedKeys) -> bool:
    """Who may not see one of the things that it names does not see it."""
    return one.jobs.isdisjoint(closed.jobs) and one.datasets.isdisjoint(closed.datasets)


def _require_reach(by: Principal, one: Advice) -> None:
    """Who may not write everything dismisses only what is their team's, or of a namespace they may write."""
    if by.has(Scope.ADMIN) or by.namespaces == ("*",) or one.team in by.teams:
        return
    if one.dataset is not None:
        raise Forbidden(f"{by.name!r} may dismiss only advice about what a team of theirs owns")
    by.require_namespace(_about(one).namespace)


def _about(one: Advice) -> EntityName:
    about = one.job or one.dataset
    assert about is not None
    return about


def _audited(one: Advice) -> str:
    about = _about(one)
    return f"{one.kind} of {about.namespace}/{about.name}"


def _view(one: Advice, dismissal: Dismissal | None) -> AdviceView:
    return AdviceView(
        one.key,
        one.kind,
        patterns.get(one.kind).title,
        one.job,
        one.dataset,
        one.team,
        one.says,
        one.evidence,
        one.examples,
        one.fix,
        one.saves_s,
        pasted(one),
        dismissal,
    )
