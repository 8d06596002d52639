"""Pieces of trackside.yaml as pages show them, each completed by what it speaks of, and checked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from hub.commands.config import check_all
from hub.settings import Settings

#: What pieces name without declaring it: what else stands in the file of whoever reads them.
AROUND: Final[Mapping[str, Any]] = {
    "orchestrators": [
        {"name": "airflow-prod", "kind": "airflow", "settings": {"url": "https://airflow.test"}},
        {"name": "dagster-prod", "kind": "dagster", "settings": {"url": "https://dagster.test"}},
    ],
    "targets": [
        {"name": name, "kind": "slack_webhook", "settings": {"url": "env:SLACK_URL"}}
        for name in ["audit-mail", "data-chat", "data-pager", "head-of-data"]
    ]
    + [
        {"name": name, "kind": "slack_webhook", "team": "sales", "settings": {"url": "env:URL"}}
        for name in ["sales-chat", "sales-pager"]
    ],
    "teams": [{"name": name} for name in ["finance", "marketing", "sales"]],
    "calendars": [{"name": "holidays", "country": "DE", "days": "holidays"}],
}
_BLOCK: Final = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
_INLINE: Final = re.compile(r"(?<!`)`([a-z_]+: [\[{][^`\n]+)`(?!`)")


def blocks_of(page: str) -> Iterator[tuple[str, str]]:
    """The fenced blocks of a page of markdown: language and text."""
    for match in _BLOCK.finditer(page):
        yield match[2], match[3]


def inline_of(page: str) -> list[str]:
    return _INLINE.findall(page)


def piece_of(text: str) -> Mapping[str, Any] | None:
    """The settings that a text declares; None if it is no piece of trackside.yaml."""
    try:
        told = yaml.safe_load(text)
    except yaml.YAMLError:
        return None
    if not isinstance(told, dict) or not told:
        return None
    return told if told.keys() <= Settings.model_fields.keys() else None


def check(text: str, folder: Path, around: Mapping[str, Any] = AROUND) -> None:
    """As `trackside config check` does; raises ConfigError, which tells what is wrong."""
    told = piece_of(text)
    assert told is not None, text
    Settings.load(_written(folder, text), environment={})  # as it stands
    whole = yaml.safe_dump(_completed(told, around), sort_keys=False)
    check_all(Settings.load(_written(folder, whole), environment={}))


def _written(folder: Path, text: str) -> Path:
    file = folder / "trackside.yaml"
    file.write_text(text)
    return file


def _completed(told: Mapping[str, Any], around: Mapping[str, Any]) -> dict[str, Any]:
    """With what else stands in the file; what the piece declares itself comes from it alone."""
    found = dict(told)
    for section, others in around.items():
        own = list(told.get(section, []))
        names = {one.get("name") for one in own}
        found[section] = own + [one for one in others if one["name"] not in names]
    return found
