"""The application with its pages."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI

from hub.api.app import create_app
from hub.api.hub import Hub
from hub.web import (
    advice,
    backfills,
    backtests,
    datasets,
    editor,
    incidents,
    jobs,
    launching,
    lineage,
    live,
    now,
    oidc,
    orchestrators,
    others,
    rules,
    runs,
    settings,
    sharing,
    subscriptions,
    teams,
    triggers,
)

ROUTERS: Final = (
    now.router,
    incidents.router,
    jobs.router,
    runs.router,
    datasets.router,
    triggers.router,
    launching.router,
    subscriptions.router,
    editor.router,
    backfills.router,
    teams.router,
    advice.router,
    rules.router,
    backtests.router,
    settings.router,
    oidc.router,
    sharing.router,
    lineage.router,
    live.router,
    orchestrators.router,
    others.router,
)


def create_site(hub: Hub) -> FastAPI:
    """The API and the pages of one hub."""
    return create_app(hub, ROUTERS)
