"""For those who run the hub: is it alive, is it ready, and its figures. Nobody needs a token of the hub."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hmac import compare_digest
from typing import Any, Final

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from hub.api.errors import RESPONSES
from hub.errors import Unauthorized
from hub.metrics import CONTENT_TYPE, OPEN_CONTENT_TYPE
from hub.secrets import SecretRef
from hub.store import migrate
from hub.store.holds import find_hold

log = structlog.get_logger(__name__)

router: Final = APIRouter(tags=["operation"])

OPEN_METRICS: Final = "application/openmetrics-text"
#: A queue so full may refuse the next batch: traffic had better go to another replica.
FULL: Final = 0.95


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process is alive and its event loop turns; nothing else is asked."""
    return {"status": "alive"}


@router.get("/readyz", responses={503: {"description": "It can't take lineage events now"}})
def readyz(request: Request) -> JSONResponse:
    """Whether it can take lineage events: store reachable and migrated, writer at work.

    `held`: it takes them, but tells nobody and launches nothing until a restore is confirmed.
    """
    hub = request.app.state.hub
    checks = {name: _outcome(name, check, hub) for name, check in _CHECKS.items()}
    ready = all(outcome == "ok" for outcome in checks.values())
    told: dict[str, Any] = {"status": "ready" if ready else "not ready", "checks": checks}
    told |= _held(hub) if ready else {}
    return JSONResponse(told, 200 if ready else 503)


@router.get("/metrics", response_class=Response, responses={401: RESPONSES[401]})
def metrics(request: Request) -> Response:
    """The figures of this process, as Prometheus reads them; as OpenMetrics, if that is accepted,
    with exemplars. With `metrics_token` set that secret is to be sent as a bearer's token.
    """
    hub = request.app.state.hub
    _require(hub.settings.metrics_token, request.headers.get("authorization", ""))
    figures = hub.writer.figures
    hub.metrics.queue_events.set(figures.queued_items)
    hub.metrics.queue_bytes.set(figures.queued_bytes)
    if OPEN_METRICS in request.headers.get("accept", ""):
        return Response(hub.metrics.render_open(), media_type=OPEN_CONTENT_TYPE)
    return Response(hub.metrics.render(), media_type=CONTENT_TYPE)


def _require(reference: str | None, authorization: str) -> None:
    if reference is None:
        return
    kind, _, shown = authorization.partition(" ")
    wanted = SecretRef.parse(reference).resolve().reveal()
    if kind.lower() != "bearer" or not compare_digest(shown.strip().encode(), wanted.encode()):
        raise Unauthorized("/metrics: send the secret that metrics_token names, as Bearer")


def _outcome(name: str, check: Callable[[Any], str], hub: Any) -> str:
    try:
        return check(hub) or "ok"
    except Exception as error:  # noqa: BLE001  whatever it is, the hub is not ready
        log.warning("not_ready", check=name, error=type(error).__name__)
        return "failed"


def _held(hub: Any) -> dict[str, str]:
    """That nothing leaves the hub since a restore: it takes events all the same."""
    with hub.db.reading() as connection:
        hold = find_hold(connection)
    return {} if hold is None else {"held": str(hold)}


def _store(hub: Any) -> str:
    missing = migrate.pending(hub.db)
    return f"migrations are pending: {', '.join(missing)}" if missing else ""


def _writer(hub: Any) -> str:
    if not hub.writer.alive:
        return "stopped"
    trouble: str = hub.writer.figures.trouble
    return trouble


def _queue(hub: Any) -> str:
    figures, settings = hub.writer.figures, hub.settings
    filled = max(_filled(figures, settings))
    return f"{filled:.0%} full" if filled >= FULL else ""


def _filled(figures: Any, settings: Any) -> Iterator[float]:
    yield figures.queued_items / settings.max_queued_events
    yield figures.queued_bytes / settings.max_queued_bytes


_CHECKS: Final[dict[str, Callable[[Any], str]]] = {
    "store": _store,
    "writer": _writer,
    "queue": _queue,
}
