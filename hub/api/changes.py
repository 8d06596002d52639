"""The feed of changes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from msgspec import Struct
from starlette.responses import Response

from hub.api.answers import answer, answers
from hub.api.errors import RESPONSES
from hub.api.params import Cursor, Eyes, Hub, Limit
from hub.store import changes as store

router = APIRouter(prefix="/api/v1", tags=["changes"], responses=RESPONSES)


class Changes(Struct, rename="camel"):
    """`nextCursor` is always there: with it, ask again for what was recorded meanwhile."""

    changes: list[store.ChangeView]
    next_cursor: str


@router.get("/changes", responses=answers(Changes))
def list_changes(
    hub: Hub,
    eyes: Eyes,
    cursor: Cursor = None,
    limit: Limit = 100,
    from_now: Annotated[  # noqa: FBT002  a query parameter has a name
        bool, Query(alias="fromNow", description="no changes, only the cursor behind the latest")
    ] = False,
) -> Response:
    """Every recorded transition once, in the order in which it was committed.

    Without a cursor from the oldest that is kept. A page may be empty though more follows, where
    what it holds is private to others; it ends where `nextCursor` stays the same.
    """
    with hub.db.reading() as connection:
        if from_now:
            return answer(Changes([], store.latest_place(connection)))
        found = store.list_changes(connection, eyes, cursor, limit)
    return answer(Changes(found.items, found.next or ""))
