"""What documentation and pages show of trackside.yaml is taken by `config check`, and the commands
that they name exist.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from starlette.testclient import TestClient

from hub.cli import COMMANDS, Later
from hub.errors import ConfigError
from hub.main import writing
from hub.settings import Settings
from hub.web.app import ROUTERS, create_site
from tests.support.pieces import blocks_of, check, inline_of, piece_of

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = [
    page
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if page.parent.name != "alerting"  # made by the notifiers: what is sent
]
TEMPLATES: Final = ROOT / "hub" / "web" / "templates"
#: YAML of others, by the first of its keys.
OTHERS: Final = {
    "env": "values of the chart",
    "event_log_storage": "dagster.yaml",
    "replicas": "values of the chart, whose `config` is a piece",
    "transport": "openlineage.yml",
}
_PRE: Final = re.compile(r"<pre[^>]*>(.*?)</pre>", re.DOTALL)
_COMMAND: Final = re.compile(
    r"(?:^|[|;&(]|\$ )\s*(?:\S*/)?trackside ((?:[a-z][a-z-]+(?: |$)){1,2})", re.MULTILINE
)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def pieces_of(page: Path) -> list[str]:
    """Marked as YAML or not."""
    text = page.read_text()
    told = [block for _, block in blocks_of(text)]
    told += [yaml.safe_dump(inner) for block in told if (inner := _config_of(block))]
    return [each for each in [*told, *inline_of(text)] if piece_of(each) is not None]


def _config_of(block: str) -> Any:
    """What stands under `config` of the chart's values."""
    try:
        told = yaml.safe_load(block)
    except yaml.YAMLError:
        return None
    return told.get("config") if isinstance(told, dict) and "replicas" in told else None


TRIED: Final = [page for page in PAGES if pieces_of(page)]


@pytest.mark.parametrize("page", TRIED, ids=name_of)
def test_every_piece_of_the_file_is_taken(page: Path, tmp_path: Path) -> None:
    for piece in pieces_of(page):
        try:
            check(piece, tmp_path)
        except ConfigError as error:
            pytest.fail(f"{piece}\n{error}")


def test_what_is_wrong_in_a_piece_is_found(tmp_path: Path) -> None:
    settings = '{token: "env:SLACK_TOKEN", channel: "#sales"}'
    piece = f"targets:\n  - {{name: chat, kind: slack, settings: {settings}}}\n"
    with pytest.raises(ConfigError, match=r"'chat' \(slack\): channel: .*the id of a channel"):
        check(piece, tmp_path)
    with pytest.raises(ConfigError, match="nobody"):
        check("routes: [{name: one, to: nobody}]", tmp_path)


def test_every_block_of_yaml_is_a_piece_or_known_to_be_of_others() -> None:
    """One with a section that there is not would be taken for no piece, and never be checked."""
    blocks = [
        text for page in PAGES for lang, text in blocks_of(page.read_text()) if lang == "yaml"
    ]
    left = [text for text in blocks if piece_of(text) is None]
    assert not [text for text in left if text.split(":")[0] not in OTHERS]
    assert {text.split(":")[0] for text in left} == set(OTHERS)


# -- pages of an empty hub ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Each page of a hub that knows of nothing."""
    store = tmp_path_factory.mktemp("empty") / "hub.db"
    with writing(Settings(database_url=f"sqlite:///{store}")) as hub:
        site = TestClient(create_site(hub), base_url="http://127.0.0.1:8080")
        told = {path: site.get(path) for path in sorted(_paths())}
        return {path: answer.text for path, answer in told.items() if answer.status_code == 200}


def _paths() -> Iterator[str]:
    for router in ROUTERS:
        for route in router.routes:
            path = getattr(route, "path", "")
            if "GET" in getattr(route, "methods", ()) and "{" not in path and "live" not in path:
                yield path


def test_what_empty_pages_show_is_a_whole_file(shown: dict[str, str], tmp_path: Path) -> None:
    told = {
        page: [unescape(each) for each in _PRE.findall(text) if piece_of(unescape(each))]
        for page, text in shown.items()
    }
    assert {"/settings", "/teams", "/triggers"} <= {page for page, pieces in told.items() if pieces}
    for page, pieces in told.items():
        for piece in pieces:
            try:
                check(piece, tmp_path, around={})
            except ConfigError as error:
                pytest.fail(f"{page}: {error}")


# -- commands ----------------------------------------------------------------------------------


def commands_in(text: str) -> set[str]:
    return {" ".join(found.split()) for found in _COMMAND.findall(text)}


def code_of(path: Path) -> str:
    """What stands in a template or a page of markdown as code."""
    text = path.read_text()
    if path.suffix == ".html":
        return "\n".join(re.findall(r"<code>(.*?)</code>", text, re.DOTALL))
    return "\n".join([*(block for _, block in blocks_of(text)), *re.findall(r"`([^`\n]+)`", text)])


def exists(command: str) -> bool:
    """A group's second word is a command of it; that of a command may be anything."""
    first, *rest = command.split()
    if first not in COMMANDS:
        return False
    found: Any = Later(first, *COMMANDS[first]).loaded()
    inner = getattr(found, "commands", None)
    return inner is None or not rest or rest[0] in inner


@pytest.mark.parametrize("path", [*PAGES, *sorted(TEMPLATES.glob("*.html"))], ids=name_of)
def test_every_command_that_is_named_exists(path: Path) -> None:
    assert not [each for each in sorted(commands_in(code_of(path))) if not exists(each)]


def test_a_command_that_there_is_not_is_found() -> None:
    assert commands_in("trackside subscriptions put x.yaml") == {"subscriptions put"}
    assert not exists("subscriptions put")
    assert exists("subscriptions add")
    assert not exists("fly")
