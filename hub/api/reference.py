"""The API for people: Swagger UI, served by the hub itself, so that it needs no other host."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.responses import FileResponse, Response

router: Final = APIRouter(prefix="/docs", include_in_schema=False)

# Its stylesheet holds its icons as data.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

# Relative, for a proxy may serve the hub below a path.
_PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Trackside: the API</title>
<link rel="icon" href="docs/favicon.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
<script src="docs/swagger-ui-bundle.js" defer></script>
<script src="docs/start.js" defer></script>
</head>
<body><div id="swagger-ui"><noscript>This page needs JavaScript; the same is told in
<a href="openapi.json">openapi.json</a>.</noscript></div></body>
</html>
"""
_START: Final = """\
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  docExpansion: "none",
  validatorUrl: null,
});
"""


@router.get("")
def page() -> Response:
    headers = {"content-security-policy": _POLICY}
    return Response(_PAGE, media_type="text/html", headers=headers)


@router.get("/start.js")
def start() -> Response:
    return Response(_START, media_type="text/javascript")


@router.get("/swagger-ui-bundle.js")
def script() -> Response:
    return _file("swagger-ui-bundle.js", "text/javascript")


@router.get("/swagger-ui.css")
def style() -> Response:
    return _file("swagger-ui.css", "text/css")


@router.get("/favicon.png")
def icon() -> Response:
    return _file("favicon.png", "image/png")


def _file(name: str, kind: str) -> Response:
    """Of Swagger UI, as the package fastapi-offline carries it."""
    path = Path(str(resources.files("fastapi_offline"))) / "static" / name
    return FileResponse(path, media_type=kind, headers={"cache-control": "max-age=3600"})
