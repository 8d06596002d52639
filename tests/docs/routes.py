"""The tables of routes in docs/api.md, made of the OpenAPI: python -m tests.docs.routes"""

from __future__ import annotations

import re
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from hub.api.app import create_app
from hub.main import running
from hub.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
_TABLE = re.compile(r"(<!-- routes: (?P<tag>[\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_PAGING = {"limit", "offset", "cursor"}


def openapi() -> dict[str, Any]:
    """The OpenAPI of a hub as it would run here."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(database_url=f"sqlite:///{folder}/trackside.db")
        with running(settings) as hub:
            found: dict[str, Any] = create_app(hub).openapi()
    return found


def tables(told: dict[str, Any]) -> dict[str, str]:
    """A Markdown table of the routes of each tag."""
    rows: dict[str, list[str]] = defaultdict(list)
    for path, methods in told["paths"].items():
        for method, route in methods.items():
            cells = f"`{method.upper()} {path}`", _parameters(route), _meaning(route)
            rows[route.get("tags", ["other"])[0]].append(f"| {' | '.join(cells)} |")
    head = "| route | parameters | |\n|---|---|---|\n"
    return {tag: head + "\n".join(lines) + "\n" for tag, lines in rows.items()}


def _parameters(route: dict[str, Any]) -> str:
    query = [each for each in route.get("parameters", ()) if each["in"] == "query"]
    names = [each["name"] + ("*" if each.get("required") else "") for each in query]
    plain = [f"`{name}`" for name in names if name not in _PAGING]
    return ", ".join(plain + (["page"] if set(names) >= _PAGING else []))


def _meaning(route: dict[str, Any]) -> str:
    told = route.get("description") or route.get("summary", "").capitalize()
    return " ".join(told.split("\n\n")[0].split()).replace("|", r"\|")


def rendered(page: str, told: dict[str, Any]) -> str:
    """The page with its tables as the OpenAPI has them now."""
    current = tables(told)
    return _TABLE.sub(lambda m: f"{m[1]}{current.get(m['tag'], '')}{m[3]}", page)


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text(), openapi()))
