"""Search, as a Marquez web UI asks that was built with advanced search."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Query
from msgspec import Struct
from starlette.responses import Response

from hub.api.answers import answer, answers
from hub.api.errors import RESPONSES
from hub.api.params import Eyes, Hub, Text
from hub.api.search import words_of
from hub.model import EntityName
from hub.store import datasets, jobs
from hub.store.search import Hit, Kind, search
from hub.store.search import Query as Sought

router = APIRouter(prefix="/api/v2beta/search", tags=["search"], responses=RESPONSES)

Typed = Annotated[Text, Query(max_length=1000, description="words, or parts of them")]


class Hits(Struct):
    """`highlights`: for each hit, where the words stand in its names, within `<em>`."""

    hits: list[dict[str, Any]]
    highlights: list[dict[str, list[str]]]


@router.get("/jobs", responses=answers(Hits))
def search_jobs(hub: Hub, eyes: Eyes, q: Typed) -> Response:
    """The ten jobs that fit best, as Marquez's advanced search; `run_id` is the latest run."""

    def shown(connection: Any, name: EntityName) -> dict[str, Any]:
        job = jobs.get_job(connection, eyes, name)
        run = job.latest_run and job.latest_run.id
        return {"run_id": run, "type": job.type, "facets": job.facets}

    return _search(hub, eyes, q, Kind.JOB, shown)


@router.get("/datasets", responses=answers(Hits))
def search_datasets(hub: Hub, eyes: Eyes, q: Typed) -> Response:
    """The ten datasets that fit best, as Marquez's advanced search."""

    def shown(connection: Any, name: EntityName) -> dict[str, Any]:
        fields = datasets.get_dataset(connection, eyes, name).fields
        return {"run_id": None, "facets": {"schema": {"fields": fields}}}

    return _search(hub, eyes, q, Kind.DATASET, shown)


def _search(
    hub: Hub, eyes: Eyes, q: str, kind: Kind, shown: Callable[[Any, EntityName], dict[str, Any]]
) -> Response:
    sought = Sought(words=words_of(q), text=q.strip(), kind=kind)
    with hub.db.reading() as connection:
        found = search(connection, eyes, sought).items if q.strip() else []
        hits = [
            {"name": hit.name, "namespace": hit.namespace}
            | shown(connection, EntityName(hit.namespace, hit.name))
            for hit in found
        ]
    return answer(Hits(hits, [_highlights(hit, sought.words) for hit in found]))


def _highlights(hit: Hit, words: Iterable[str]) -> dict[str, list[str]]:
    word = re.compile("|".join(map(re.escape, words)), re.IGNORECASE)
    marked = {
        place: word.sub(r"<em>\g<0></em>", text)
        for place, text in (("name", hit.name), ("namespace", hit.namespace))
    }
    return {place: [text] for place, text in marked.items() if "<em>" in text}
