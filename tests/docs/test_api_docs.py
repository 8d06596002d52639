"""docs/api.md names every route of the API, with the tables as the OpenAPI makes them."""

from __future__ import annotations

from typing import Any

import pytest

from hub.api.shell import DOORS
from tests.docs.routes import PAGE, openapi, rendered


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    return openapi()


def test_every_route_is_in_the_page(told: dict[str, Any]) -> None:
    page = PAGE.read_text()
    routes = [f"{m.upper()} {path}" for path, methods in told["paths"].items() for m in methods]
    routes += [f"POST {path}" for path in DOORS]
    assert not [route for route in routes if f"`{route}`" not in page]


def test_the_tables_are_those_of_the_openapi(told: dict[str, Any]) -> None:
    """Else: python -m tests.docs.routes"""
    page = PAGE.read_text()
    assert page == rendered(page, told)
