"""The application: the door, then the read API, inside the shell that surrounds every request."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from hub.api import (
    advice,
    alerting_parts,
    backfills,
    backtests,
    changes,
    column_lineage,
    datasets,
    dead_letters,
    declarations,
    deliveries,
    events,
    forward,
    gates,
    grants,
    heartbeats,
    hierarchy,
    holds,
    inbound,
    incidents,
    jobs,
    kafka,
    launch_pull,
    launches,
    legacy,
    lineage,
    maintenance,
    marquez_search,
    namespaces,
    offers,
    operation,
    orchestrators,
    pages,
    partitions,
    reference,
    rules,
    runs,
    search,
    sensors,
    shell,
    silences,
    stats,
    subscriptions,
    tags,
    targets,
    tokens,
)
from hub.api.answers import openapi
from hub.api.door import Door
from hub.api.hub import Hub
from hub.api.paths import RawPaths
from hub.api.pings import Pings

# The order matters: `/jobs/runs/{id}` is no job.
ROUTERS = (
    operation.router,
    holds.router,
    tokens.router,
    namespaces.router,
    runs.router,
    jobs.router,
    offers.router,
    datasets.router,
    gates.router,
    grants.router,
    tags.router,
    lineage.router,
    column_lineage.router,
    hierarchy.router,
    events.router,
    search.router,
    marquez_search.router,
    stats.router,
    pages.router,
    partitions.router,
    orchestrators.router,
    declarations.router,
    sensors.router,
    kafka.router,
    forward.router,
    heartbeats.router,
    heartbeats.keys,
    incidents.router,
    deliveries.router,
    silences.router,
    targets.router,
    alerting_parts.router,
    inbound.router,
    launch_pull.router,
    launches.router,
    backfills.router,
    rules.router,
    backtests.router,
    maintenance.router,
    subscriptions.router,
    advice.router,
    changes.router,
    dead_letters.router,
    legacy.router,
    reference.router,
)

_DESCRIPTION = """\
The read API speaks Marquez where Marquez has a word for a thing, and extends it in the same style.
Lists take `limit` and `offset`, or the `nextCursor` of the answer before as `cursor`.
Names are percent-encoded in paths, slashes too. Times are UTC.
"""


def create_app(hub: Hub, pages: Iterable[APIRouter] = ()) -> FastAPI:
    """The app of one hub. From outside: the shell, the guard, the pings, the door, the read API, the pages."""
    app = FastAPI(
        title="Trackside",
        version=version("trackside"),
        description=_DESCRIPTION,
        redirect_slashes=False,
        docs_url=None,  # from a foreign host; ours is hub.api.reference
        redoc_url=None,
        # Asking each time whether somebody set up OpenTelemetry costs every event 4 us.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.hub = hub
    for router in (*ROUTERS, *pages):
        app.include_router(router)
    app.openapi = lambda: openapi(app)  # type: ignore[method-assign]
    # The last one added is the outermost.
    app.add_middleware(RawPaths, templates=_paths())
    app.add_middleware(Door, hub=hub)
    app.add_middleware(Pings, hub=hub)
    shell.install(app, hub)
    return app


def _paths() -> list[str]:
    routes = [route for router in ROUTERS for route in router.routes]
    return [route.path for route in routes if isinstance(route, APIRoute)]
