"""Templates: {{name}} stands for what is launched. Nothing is computed.

    url: https://jobs.example.com/{{job}}/start?day={{partition}}
    body: {run: "{{run_id}}", day: "{{conf.day}}", all: "{{conf}}"}

A text that is a placeholder and nothing else is the value itself, as JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

import msgspec

from hub.errors import Unavailable

NAMES: Final = frozenset({"key", "job", "namespace", "partition", "run_id", "note", "conf"})
_PLACE: Final = re.compile(r"\{\{\s*([A-Za-z_]\w*)(?:\.([\w-]+))?\s*\}\}")


def check(template: Any, where: str) -> None:
    """Returns if it names only what there is, else ValueError."""
    if isinstance(template, dict):
        for name, value in template.items():
            check(value, f"{where}.{name}")
    elif isinstance(template, list):
        for index, value in enumerate(template):
            check(value, f"{where}[{index}]")
    elif isinstance(template, str):
        for name, part in _PLACE.findall(template):
            if name not in NAMES or (part and name != "conf"):
                known = ", ".join(sorted(NAMES))
                told = f"{name}.{part}" if part else name
                raise ValueError(f"{where}: no {{{{{told}}}}}; known: {known}, conf.NAME")


def fill(template: Any, values: Mapping[str, Any]) -> Any:
    """The template as JSON, with values in the places of names."""
    if isinstance(template, dict):
        return {name: fill(value, values) for name, value in template.items()}
    if isinstance(template, list):
        return [fill(value, values) for value in template]
    if not isinstance(template, str):
        return template
    whole = _PLACE.fullmatch(template)
    return _value(whole, values) if whole else _text(template, values, str)


def fill_url(template: str, values: Mapping[str, Any]) -> str:
    """The address; values are percent-encoded, so that none changes where it leads."""
    return _text(template, values, lambda text: quote(text, safe=""))


def _text(template: str, values: Mapping[str, Any], told: Callable[[str], str]) -> str:
    return _PLACE.sub(lambda match: told(_words(_value(match, values))), template)


def _words(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _value(match: re.Match[str], values: Mapping[str, Any]) -> Any:
    name, part = match.groups()
    if part is None:
        return values[name]
    if part not in values["conf"]:
        raise Unavailable(
            f"the launch has no conf {part!r}, which a template names", permanent=True
        )
    return values["conf"][part]
