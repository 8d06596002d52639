"""One run: its attempts, what it is part of, what it read and wrote."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from fastapi import Query, Request
from starlette.responses import Response

from hub.api.params import Eyes, Hub, JobOfRun
from hub.store import hierarchy, runs
from hub.web.site import page, pages

router: Final = pages()

_MOST: Final = 300


@router.get("/run")
def show_run(
    request: Request,
    hub: Hub,
    eyes: Eyes,
    job: JobOfRun,
    id: Annotated[UUID, Query()],  # noqa: A002
) -> Response:
    with hub.db.reading() as connection:
        key = runs.find_run(connection, eyes, id, job)
        view = runs.get_run(connection, eyes, id, job)
        tree = hierarchy.tree_of(connection, eyes, key, _MOST)
        return page(
            request,
            "run.html",
            run=view,
            attempts=hierarchy.list_attempts(connection, key),
            tree=tree,
            facets=sorted(view.facets.items()),
        )
