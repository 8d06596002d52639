"""Dead letters: what could not be understood, and once more through the door."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from msgspec import Struct
from starlette.responses import Response

from hub.access import Scope
from hub.api.access import require
from hub.api.answers import answer, answers
from hub.api.edits import note
from hub.api.errors import RESPONSES
from hub.api.params import Hub, Operator, Paged
from hub.errors import Conflict
from hub.record.replay import replay
from hub.store import dead_letters as store

# What could not be read has no team yet: whoever may look at it may look at all of it.
router = APIRouter(prefix="/api/v1/dead-letters", tags=["dead letters"], responses=RESPONSES)

FOR_OPERATORS = [Depends(require(Scope.OPERATE))]
Number = Annotated[int, Path(ge=1, le=2**53)]


class DeadLetters(Struct, rename="camel"):
    dead_letters: list[store.Letter]
    total_count: int | None
    next_cursor: str | None


class DeadLetter(Struct, rename="camel"):
    """`payload` is what was sent, less its secrets; bytes that are no UTF-8 are replaced."""

    letter: store.Letter
    payload: str


class Replayed(Struct, rename="camel"):
    letter: store.Letter
    recorded: bool


@router.get("", responses=answers(DeadLetters), dependencies=FOR_OPERATORS)
def list_dead_letters(
    hub: Hub,
    page: Paged,
    waiting: Annotated[  # noqa: FBT002  a query parameter has a name
        bool, Query(description="only those not replayed")
    ] = False,
) -> Response:
    """Dead letters, the latest first."""
    with hub.db.reading() as connection:
        found = store.latest_letters(connection, page, waiting=waiting)
    return answer(DeadLetters(found.items, found.total, found.next))


@router.get("/{number}", responses=answers(DeadLetter), dependencies=FOR_OPERATORS)
def get_dead_letter(number: Number, hub: Hub) -> Response:
    with hub.db.reading() as connection:
        letter, payload = store.get_letter(connection, number)
    return answer(DeadLetter(letter, payload.decode(errors="replace")))


@router.post("/{number}/replay", responses=answers(Replayed))
def replay_dead_letter(number: Number, hub: Hub, by: Operator) -> Response:
    """Hands a letter in again; 409 if it is still not understood."""
    now = datetime.now(UTC)
    with hub.db.reading() as connection:
        letter, payload = store.get_letter(connection, number)
    done = replay(hub.intake, hub.writer, letter, payload, now=now)
    note(hub, by, "dead_letter_replayed", str(number))
    if not done.recorded:
        raise Conflict(f"dead letter {number} is still not understood: {done.reason}")
    with hub.db.reading() as connection:
        letter, _ = store.get_letter(connection, number)
    return answer(Replayed(letter, recorded=True))
