"""Tags."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from msgspec import Struct
from pydantic import BaseModel
from starlette.responses import Response

from hub.api.answers import answer, answers
from hub.api.edits import edit
from hub.api.errors import RESPONSES
from hub.api.params import Eyes, Hub, Operator, Paged, Text
from hub.api.paths import NewName
from hub.store import tags
from hub.store.views import TagView

router = APIRouter(prefix="/api/v1", tags=["tags"], responses=RESPONSES)


class Tags(Struct, rename="camel"):
    tags: list[TagView]
    next_cursor: str | None


class TagEdit(BaseModel):
    """What a tag means."""

    description: Text | None = None


@router.get("/tags", responses=answers(Tags))
def list_tags(hub: Hub, eyes: Eyes, page: Paged) -> Response:
    """Every tag that was described or is in use, by name."""
    with hub.db.reading() as connection:
        found = tags.list_tags(connection, eyes, page)
    return answer(Tags(found.items, found.next))


@router.put("/tags/{tag}", responses=answers(TagView))
def put_tag(tag: NewName, body: TagEdit, hub: Hub, by: Operator) -> Response:
    """Makes a tag, or changes what it means."""

    def change(connection: Any, now: Any) -> TagView:
        return tags.put_tag(connection, tag, body.description, now)

    return answer(edit(hub, by, "tag_put", tag, change))
