"""A parsed event, cleaned of secrets: by keys, by the rules for texts, by place."""

import re
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from hub.openlineage.secret_words import MASK, SecretKeys, TextRule

_FACETS = frozenset({"facets", "inputFacets", "outputFacets"})
_NAMED_BY_USERS = _FACETS | {"fields", "columnMetrics", "tasks", "taskGroups", "taskTree"}
"""Objects whose keys are names of columns, tasks or facets, and say nothing about the value."""

_TASK_RESULTS = frozenset({"tasksState", "tasksDuration"})
_SQL_LITERAL = re.compile(r"'(?:[^']|'')*'|(?<![\w.])\d+(?:\.\d+)?\b")


class Cleaner(Struct, frozen=True):
    """Cleans values; one that needs no cleaning is returned itself.

    dropped: keys whose text is taken out whole.  emptied: keys whose object, or list of
    names and values, loses its values.
    """

    keys: SecretKeys
    rules: Sequence[TextRule]
    dropped: frozenset[str]
    emptied: frozenset[str]
    sql_literals: bool

    def clean(self, value: Any, holder: str = "") -> Any:
        """`holder` is the key under which the value stands."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return _changed(value, {k: self._member(k, v, holder, value) for k, v in value.items()})
        if isinstance(value, list):
            return _changed(value, [self.clean(item, holder) for item in value])
        return value

    def text(self, text: str) -> str:
        clean, low = text, text.lower()
        for rule in self.rules:
            if any(clue in low for clue in rule.clues):
                clean = rule.clean(clean)
        return text if clean == text else clean

    def _member(self, key: str, value: Any, holder: str, siblings: dict[str, Any]) -> Any:
        if holder in _TASK_RESULTS:
            return value
        if holder in _NAMED_BY_USERS and isinstance(value, dict | list):
            return self.clean(value, key)
        if key in self.dropped and isinstance(value, str):
            return mask(value)
        if self._is_secret(key, value, holder, siblings):
            return mask(value)
        if self.sql_literals and holder == "sql" and key == "query" and isinstance(value, str):
            value = _changed(value, _SQL_LITERAL.sub("?", value))
        return self.clean(value, key)

    def _is_secret(self, key: str, value: Any, holder: str, siblings: dict[str, Any]) -> bool:
        """By its key; a `value` by the name beside it. Counts of tokens are none."""
        if key == "value":
            name = siblings.get("name", siblings.get("key"))
            return holder in self.emptied or (isinstance(name, str) and self.keys.judge(name))
        if not self.keys.judge(key):
            return key in self.emptied and isinstance(value, dict | str)
        return isinstance(value, str | list | dict) or "token" not in key.lower()


def mask(value: Any) -> Any:
    """The same with every text and number masked; true, false and null tell nothing."""
    if isinstance(value, dict):
        return _changed(value, {key: mask(item) for key, item in value.items()})
    if isinstance(value, list):
        return _changed(value, [mask(item) for item in value])
    if value is None or isinstance(value, bool) or value in {"", MASK}:
        return value
    return MASK


def _changed(old: Any, new: Any) -> Any:
    return old if old == new else new
