"""Dead letters: what could not be understood, and once more through the door."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from msgspec import Struct
from starlette.responses import Response

from hub.access import may_write_namespace
from hub.api.answers import answer, answers
from hub.api.edits import note
from hub.api.errors import RESPONSES
from hub.api.params import Hub, Operator, Paged
from hub.errors import Conflict
from hub.record.intake import ANY_NAMESPACE
from hub.record.replay import replay
from hub.store import dead_letters as store

router = APIRouter(prefix="/api/v1/dead-letters", tags=["dead letters"], responses=RESPONSES)

Number = Annotated[int, Path(ge=1, le=2**53)]


async def letters_of(by: Operator) -> store.Whose:
    """What could not be read has no team: it is for those who speak for all, and who sent it."""
    if may_write_namespace(by, ANY_NAMESPACE):
        return None
    return [] if by.orchestrator is None else [by.orchestrator]


Mine = Annotated[store.Whose, Depends(letters_of)]


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


@router.get("", responses=answers(DeadLetters))
def list_dead_letters(
    hub: Hub,
    mine: Mine,
    page: Paged,
    waiting: Annotated[  # noqa: FBT002  a query parameter has a name
        bool, Query(description="only those not replayed")
    ] = False,
) -> Response:
    """Dead letters, the latest first."""
    with hub.db.reading() as connection:
        found = store.latest_letters(connection, page, waiting=waiting, of=mine)
    return answer(DeadLetters(found.items, found.total, found.next))


@router.get("/{number}", responses=answers(DeadLetter))
def get_dead_letter(number: Number, hub: Hub, mine: Mine) -> Response:
    with hub.db.reading() as connection:
        letter, payload = store.get_letter(connection, number, mine)
    return answer(DeadLetter(letter, payload.decode(errors="replace")))


@router.post("/{number}/replay", responses=answers(Replayed))
def replay_dead_letter(number: Number, hub: Hub, by: Operator, mine: Mine) -> Response:
    """Hands a letter in again; 409 if it is still not understood."""
    now = datetime.now(UTC)
    with hub.db.reading() as connection:
        letter, payload = store.get_letter(connection, number, mine)
    done = replay(hub.intake, hub.writer, letter, payload, now=now, may_write=by.require_namespace)
    note(hub, by, "dead_letter_replayed", str(number))
    if not done.recorded:
        raise Conflict(f"dead letter {number} is still not understood: {done.reason}")
    with hub.db.reading() as connection:
        letter, _ = store.get_letter(connection, number)
    return answer(Replayed(letter, recorded=True))
