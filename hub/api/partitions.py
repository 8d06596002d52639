"""How the partitions of datasets and jobs stand: data for a grid."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from hub.api.answers import answer, answers
from hub.api.errors import RESPONSES
from hub.api.params import Eyes, Hub, Instant, Paged, Text
from hub.api.paths import Name
from hub.errors import BadInput
from hub.model import EntityName
from hub.schedules.grids import PartitionStatus
from hub.schedules.periods import Every
from hub.schedules.zones import zone_of
from hub.store import names
from hub.store.partition_pages import PartitionsView, page_of_grid
from hub.store.partition_status import Wanted, dataset_grid, job_grid

router = APIRouter(
    prefix="/api/v1/namespaces/{namespace}", tags=["partitions"], responses=RESPONSES
)


async def wanted_of(
    since: Annotated[
        Instant | None, Query(alias="from", description="partitions that begin then or later")
    ] = None,
    to: Annotated[Instant | None, Query(description="... and before then")] = None,
    every: Annotated[
        Every | None, Query(description="how far they lie apart; learned if not told")
    ] = None,
    timezone: Annotated[
        Text, Query(max_length=64, description="in which keys without an offset are meant")
    ] = "UTC",
) -> Wanted:
    try:
        zone_of(timezone)
    except ValueError as error:
        raise BadInput("timezone", timezone, "a time zone such as Europe/Berlin") from error
    if since is not None and to is not None and to <= since:
        raise BadInput("to", to.isoformat(), "a time after `from`")
    return Wanted(datetime.now(UTC), since, to, every, timezone)


Asked = Annotated[Wanted, Depends(wanted_of)]
Statuses = Annotated[
    list[PartitionStatus],
    Query(alias="status", max_length=len(PartitionStatus), description="only those"),
]


@router.get("/datasets/{dataset}/partitions", responses=answers(PartitionsView))
def list_dataset_partitions(
    namespace: Name,
    dataset: Name,
    hub: Hub,
    eyes: Eyes,
    page: Paged,
    wanted: Asked,
    status: Statuses = [],  # noqa: B006  FastAPI makes a new one
) -> Response:
    """How the partitions of a dataset stand, whoever writes them, the latest first."""
    with hub.db.reading() as connection:
        key = names.find_dataset(connection, eyes, EntityName(namespace, dataset))
        grid = dataset_grid(connection, eyes, key, wanted)
        return answer(page_of_grid(connection, eyes, grid, page, status))


@router.get("/jobs/{job}/partitions", responses=answers(PartitionsView))
def list_job_partitions(
    namespace: Name,
    job: Name,
    hub: Hub,
    eyes: Eyes,
    page: Paged,
    wanted: Asked,
    status: Statuses = [],  # noqa: B006  FastAPI makes a new one
) -> Response:
    """How the partitions stand that the runs of a job are for, the latest first."""
    with hub.db.reading() as connection:
        key = names.find_job(connection, eyes, EntityName(namespace, job))
        grid = job_grid(connection, eyes, key, wanted)
        return answer(page_of_grid(connection, eyes, grid, page, status))
