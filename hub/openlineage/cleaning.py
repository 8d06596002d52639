"""A parsed event, cleaned of secrets: by keys, by the rules for texts, by place."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from msgspec import Struct
from msgspec.structs import force_setattr

from hub.openlineage.secret_words import MASK, SecretKeys, TextRule, is_no_secret

_FACETS = frozenset({"facets", "inputFacets", "outputFacets"})
_NAMED_BY_USERS = _FACETS | {"fields", "columnMetrics", "tasks", "taskGroups", "taskTree"}
"""Objects whose keys are names of columns, tasks or facets, and say nothing about the value."""

_TASK_RESULTS = frozenset({"tasksState", "tasksDuration"})
_PLACES = frozenset({"query", "value"})
_NESTED = frozenset({dict, list})
_SQL_LITERAL = re.compile(r"'(?:[^']|'')*'|(?<![\w.])\d+(?:\.\d+)?\b")


class Cleaner(Struct, frozen=True):
    """Cleans values; one that needs no cleaning is returned itself.

    rules: for texts. Without any no key betrays a secret either, and only places are cleaned:
    dropped, keys whose text is taken out whole; emptied, keys whose object, or list of names and
    values, loses its values; sql_literals.
    """

    keys: SecretKeys
    rules: Sequence[TextRule]
    dropped: frozenset[str]
    emptied: frozenset[str]
    sql_literals: bool
    places: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        force_setattr(self, "places", self.dropped | self.emptied | _PLACES)

    def clean(self, value: Any, holder: str = "") -> Any:
        """`holder` is the key under which the value stands."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return self._object(value, holder)
        if isinstance(value, list):
            return self._list(value, holder)
        return value

    def _list(self, items: list[Any], holder: str) -> list[Any]:
        """What follows a flag, as in `["--password", "..."]`, is its value."""
        clean = [self.clean(item, holder) for item in items]
        for number, (flag, item) in enumerate(pairwise(clean), 1) if self.rules else ():
            if isinstance(item, str) and _is_flag(flag) and self.keys.judge(flag):
                clean[number] = item if _is_flag(item) else mask(item)
        return items if clean == items else clean

    def text(self, text: str) -> str:
        if not self.rules:
            return text
        clean, low = text, text.lower()
        for rule in self.rules:
            if any(clue in low for clue in rule.clues):
                clean = rule.clean(clean)
        return text if clean == text else clean

    def _object(self, members: dict[str, Any], holder: str) -> dict[str, Any]:
        if holder in _TASK_RESULTS:
            return members
        if self.rules or not self.places.isdisjoint(members):
            cleaned = ((k, v, self._member(k, v, holder, members)) for k, v in members.items())
        else:
            cleaned = ((k, v, self.clean(v, k)) for k, v in members.items() if type(v) in _NESTED)
        changed = {key: clean for key, value, clean in cleaned if clean is not value}
        return {**members, **changed} if changed else members

    def _member(self, key: str, value: Any, holder: str, siblings: dict[str, Any]) -> Any:
        nested = isinstance(value, dict | list)
        if nested and holder in _NAMED_BY_USERS:
            return self.clean(value, key)
        if self._has_its_place(key, value, holder) or (
            self.rules and self._is_secret(key, value, siblings, nested=nested)
        ):
            return mask(value)
        if key == "query" and holder == "sql" and self.sql_literals and isinstance(value, str):
            value = _same(_SQL_LITERAL.sub("?", value), value)
        return self.clean(value, key)

    def _has_its_place(self, key: str, value: Any, holder: str) -> bool:
        if key == "value":
            return holder in self.emptied
        if isinstance(value, str):
            return key in self.dropped or key in self.emptied
        return key in self.emptied and isinstance(value, dict)

    def _is_secret(self, key: str, value: Any, siblings: dict[str, Any], *, nested: bool) -> bool:
        """By its key; a `value` by the name beside it. Counts of tokens are none."""
        if key == "value":
            name = siblings.get("name", siblings.get("key"))
            return isinstance(name, str) and self.keys.judge(name)
        return self.keys.judge(key) and (nested or not is_no_secret(key, value))


def _is_flag(item: Any) -> bool:
    return isinstance(item, str) and item.startswith("--")


def mask(value: Any) -> Any:
    """The same with every text and number masked; true, false and null tell nothing."""
    if isinstance(value, dict):
        return _same({key: mask(item) for key, item in value.items()}, value)
    if isinstance(value, list):
        return _same([mask(item) for item in value], value)
    if value is None or isinstance(value, bool) or value in {"", MASK}:
        return value
    return MASK


def _same(new: Any, old: Any) -> Any:
    return old if new == old else new
