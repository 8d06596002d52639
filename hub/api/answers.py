"""How answers are rendered, and how the OpenAPI document knows their shape.

Views are encoded by msgspec as they are; their JSON schemas come from the same types, so the
document can't drift from what is sent.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.responses import Response

from hub.api.door_paths import door_paths

_REF: Final = "#/components/schemas/{name}"
_types: dict[str, Any] = {}


def answer(value: object, status: int = 200) -> Response:
    """JSON of anything msgspec can encode."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def answers(of: Any, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: what it answers."""
    (schema,), components = msgspec.json.schema_components([of], ref_template=_REF)
    for name, told in components.items():
        if _types.setdefault(name, told) != told:
            raise AssertionError(f"two different answers are called {name}")
    return {
        status: {"description": "OK", "content": {"application/json": {"schema": schema}}},
    }


def openapi(app: FastAPI) -> dict[str, Any]:
    """The app's OpenAPI document, with the schemas of our answers."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        for path, methods in door_paths().items():
            document["paths"].setdefault(path, {}).update(methods)
        document.setdefault("components", {}).setdefault("schemas", {}).update(_types)
        app.openapi_schema = document
    return app.openapi_schema
