"""Namespaces and data sources."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter
from msgspec import Struct
from pydantic import BaseModel, Field
from starlette.responses import Response

from hub.api.answers import answer, answers
from hub.api.edits import edit
from hub.api.errors import RESPONSES
from hub.api.params import Eyes, Hub, Operator, Paged, Text
from hub.api.paths import Name, NewName
from hub.errors import NotFound
from hub.store import namespaces, sources
from hub.store.names import DEFAULT_NAMESPACE
from hub.store.views import NamespaceView, SourceView

router = APIRouter(prefix="/api/v1", tags=["namespaces"], responses=RESPONSES)


class Namespaces(Struct, rename="camel"):
    namespaces: list[NamespaceView]
    next_cursor: str | None


class Sources(Struct, rename="camel"):
    sources: list[SourceView]
    next_cursor: str | None


class NamespaceEdit(BaseModel):
    """Who owns a namespace, and what it is."""

    owner_name: Text = Field(alias="ownerName", min_length=1, max_length=1024)
    description: Text | None = None


class SourceEdit(BaseModel):
    """Where data lives."""

    type: Text = Field(min_length=1, max_length=64, examples=["POSTGRESQL"])
    connection_url: Text = Field(alias="connectionUrl", min_length=1, max_length=4096)
    description: Text | None = None


@router.get("/namespaces", responses=answers(Namespaces))
def list_namespaces(hub: Hub, eyes: Eyes, page: Paged) -> Response:  # noqa: ARG001  may read
    """Namespaces by name; never none, for Marquez's web UI falls over an empty list."""
    with hub.db.reading() as connection:
        found = namespaces.list_namespaces(connection, page)
    shown = found.items or ([] if page.offset or page.after else [_default()])
    return answer(Namespaces(shown, found.next))


@router.get("/namespaces/{namespace}", responses=answers(NamespaceView))
def get_namespace(namespace: Name, hub: Hub, eyes: Eyes) -> Response:  # noqa: ARG001  may read
    with hub.db.reading() as connection:
        try:
            return answer(namespaces.get_namespace(connection, namespace))
        except NotFound:
            if namespace != DEFAULT_NAMESPACE:
                raise
            return answer(_default())


@router.put("/namespaces/{namespace}", responses=answers(NamespaceView))
def put_namespace(namespace: NewName, body: NamespaceEdit, hub: Hub, by: Operator) -> Response:
    """Makes a namespace, or changes its owner and description."""
    description = None if body.description is None else hub.intake.clean(body.description)

    def change(connection: Any, now: datetime) -> NamespaceView:
        return namespaces.put_namespace(connection, namespace, body.owner_name, description, now)

    by.require_namespace(namespace)
    return answer(edit(hub, by, "namespace_put", namespace, change))


@router.delete("/namespaces/{namespace}", responses=answers(NamespaceView))
def hide_namespace(namespace: Name, hub: Hub, by: Operator) -> Response:
    """Hides a namespace with its jobs and datasets; each comes back with its next event."""
    by.require_namespace(namespace)
    hidden = edit(
        hub,
        by,
        "namespace_hidden",
        namespace,
        lambda connection, _: namespaces.hide_namespace(connection, namespace),
    )
    # In steps, so that events don't wait behind a large namespace.
    while hub.writer.call(lambda connection: namespaces.hide_some_within(connection, namespace)):
        pass
    return answer(hidden)


@router.get("/sources", responses=answers(Sources))
def list_sources(hub: Hub, eyes: Eyes, page: Paged) -> Response:  # noqa: ARG001  may read
    with hub.db.reading() as connection:
        found = sources.list_sources(connection, page)
    return answer(Sources(found.items, found.next))


@router.get("/sources/{source}", responses=answers(SourceView))
def get_source(source: Name, hub: Hub, eyes: Eyes) -> Response:  # noqa: ARG001  may read
    with hub.db.reading() as connection:
        return answer(sources.get_source(connection, source))


@router.put("/sources/{source}", responses=answers(SourceView))
def put_source(source: NewName, body: SourceEdit, hub: Hub, by: Operator) -> Response:
    """Makes a source, or changes what is known of it; secrets in its texts become ***."""
    clean = hub.intake.clean
    url = clean(body.connection_url)
    description = None if body.description is None else clean(body.description)

    def change(connection: Any, now: datetime) -> SourceView:
        return sources.put_source(connection, source, body.type, url, description, now)

    return answer(edit(hub, by, "source_put", source, change))


def _default() -> NamespaceView:
    """Shown until there is a namespace of that name."""
    now = datetime.now(UTC)
    text = "Where jobs and datasets live that name no namespace of their own."
    return NamespaceView(DEFAULT_NAMESPACE, now, now, "anonymous", text, is_hidden=False)
