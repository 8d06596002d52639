"""The application with its pages."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI

from hub.api.app import create_app
from hub.api.hub import Hub
from hub.web import datasets, incidents, jobs, lineage, live, now, others, runs

ROUTERS: Final = (
    now.router,
    incidents.router,
    jobs.router,
    runs.router,
    datasets.router,
    lineage.router,
    live.router,
    others.router,
)


def create_site(hub: Hub) -> FastAPI:
    """The API and the pages of one hub."""
    return create_app(hub, ROUTERS)
