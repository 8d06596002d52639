"""Search."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Annotated

from fastapi import APIRouter, Query
from msgspec import Struct
from starlette.responses import Response

from hub.api.answers import answer, answers
from hub.api.errors import RESPONSES
from hub.api.params import Eyes, Hub, Limit, Text
from hub.record.terms import words
from hub.store import search as store

router = APIRouter(prefix="/api/v1", tags=["search"], responses=RESPONSES)

#: Further words of a query make no difference to what is found first.
MOST_WORDS = 12


class Found(Struct, rename="camel"):
    """`totalCountCapped`: a frequent word; there is more than was looked at."""

    total_count: int
    results: list[store.Hit]
    total_count_capped: bool


@router.get("/search", responses=answers(Found))
def search(
    hub: Hub,
    eyes: Eyes,
    q: Annotated[Text, Query(min_length=1, max_length=1000, description="words, or parts of them")],
    kind: Annotated[store.Kind | None, Query(alias="filter")] = None,
    sort: store.Sort = store.Sort.NAME,
    limit: Limit = 10,
    namespace: Annotated[Text | None, Query(max_length=4096)] = None,
    before: Annotated[date | None, Query(description="updated before this day, in UTC")] = None,
    after: Annotated[date | None, Query(description="updated on this day or later")] = None,
) -> Response:
    """Jobs and datasets by words of their names, namespaces, tags, owners and facet values."""
    query = store.Query(
        words=words_of(q),
        text=q.strip(),
        kind=kind,
        sort=sort,
        namespace=namespace,
        before=_start_of(before),
        after=_start_of(after),
        limit=limit,
    )
    with hub.db.reading() as connection:
        found = store.search(connection, eyes, query)
    return answer(Found(found.total, found.items, found.capped))


def words_of(q: str) -> list[str]:
    """The words of a query; what is none, such as `+`, is sought as it stands."""
    return [*dict.fromkeys(words(q))][:MOST_WORDS] or [q.strip().lower()]


def _start_of(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), UTC)
