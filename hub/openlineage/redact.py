"""Takes secrets out of an event before it is stored (DESIGN D11).

Nearly all events are clean, and the events of one job differ from run to run in times, ids and
numbers only. What is left of an event without those is its print, and what was found in one event
holds for all of its print. The first is searched for the words that betray a secret; events that
hold one are parsed, cleaned and written anew.
"""

import re
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import msgspec

from hub.openlineage.cleaning import Cleaner
from hub.openlineage.secret_words import (
    AWS_KEY,
    BEARER,
    KEYS,
    MASK,
    PRIVATE_KEY,
    USERINFO,
    SecretKeys,
    TextRule,
    assignment_rule,
    plain,
)
from hub.openlineage.wire import without_nan

_LOWER = bytes(range(256)).lower()
_SEPARATORS = b"_-. "

_LASTING = b"ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ:{"
"""No digits and nothing of a hexadecimal id; `:` and `{` tell an empty object from another."""

_VARYING = bytes(set(range(256)) - set(_LASTING))
_PRINTS = 65_536  # that are remembered, at 100 bytes

_UNSEEN: list[TextRule] = []

_USERINFO = re.compile(rb"/[^\s/@\"]*:[^\s/@\"]+@")
_ENTRY = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:\s*)("(?:[^"\\]|\\.)*"?|[^\s,{}\[\]"]+)')


class Redactor:
    """Replaces secrets by `***`: values of telling keys, and what stands in texts.

    keys: words; the value of a key that ends in one of them is a secret.
    patterns: further regular expressions for texts; whoever sets them answers for their speed.
    run_configuration: of `conf` (Airflow's dagRun.conf) keep only the keys.
    environment_variables: keep only their names.
    source_code, stack_traces: take the text out.  sql_literals: put ? for them.
    """

    def __init__(
        self,
        *,
        keys: Iterable[str] = KEYS,
        patterns: Sequence[str | re.Pattern[str]] = (),
        run_configuration: bool = True,
        environment_variables: bool = True,
        source_code: bool = True,
        sql_literals: bool = True,
        stack_traces: bool = False,
    ) -> None:
        words = sorted(set(keys))
        self._keys = SecretKeys(words)
        self._conf = run_configuration
        self._sql = sql_literals
        self._dropped = frozenset(["sourceCode"] * source_code + ["stackTrace"] * stack_traces)
        self._emptied = frozenset(
            ["conf"] * run_configuration + ["environmentVariables"] * environment_variables
        )
        self._patterns = [re.compile(pattern) for pattern in patterns]
        self._rules = [(plain(word).encode(), assignment_rule(word)) for word in words]
        self._rules += [(b"bearer", BEARER), (b"privatekey", PRIVATE_KEY)]
        self._places = [plain(key).encode() for key in self._dropped | self._emptied - {"conf"}]
        self._remembers = all(word.translate(None, _VARYING) for word, _ in self._rules)
        self._prints: dict[int, list[TextRule] | None] = {}

    def redact(self, raw: bytes) -> bytes:
        """The event without secrets; the same object if there were none.

        What is not JSON is cleaned as text, since it is parked for people to look at.
        """
        rules = self._clues(raw)
        if rules is None:
            return raw
        cleaner = Cleaner(self._keys, rules, self._dropped, self._emptied, self._sql)
        for candidate in (raw, without_nan(raw)):
            try:
                before = msgspec.json.decode(candidate or b"")
                after = cleaner.clean(before)
                return raw if after is before else msgspec.json.encode(after)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError):
                continue
        return _clean_malformed(raw, cleaner)

    def _clues(self, raw: bytes) -> list[TextRule] | None:
        """The rules that may clean a text of this event; None if nothing calls for a cleaning."""
        rules = [TextRule(("",), partial(one.sub, MASK)) for one in self._patterns]
        if b"@" in raw and _USERINFO.search(raw):
            rules.append(USERINFO)
        found = self._found(raw)
        return rules or None if found is None else rules + found

    def _found(self, raw: bytes) -> list[TextRule] | None:
        """What a search finds, remembered by the print."""
        if not self._remembers:
            return self._search(raw)
        seen = hash(raw.translate(None, _VARYING))
        found = self._prints.get(seen, _UNSEEN)
        if found is not _UNSEEN:
            return found
        found = self._search(raw)
        if len(self._prints) >= _PRINTS:
            self._prints.clear()
        self._prints[seen] = found
        return found

    def _search(self, raw: bytes) -> list[TextRule] | None:
        """The rules for the words in it; None if there are no words, and no places to clean."""
        text = raw.translate(_LOWER, _SEPARATORS)
        rules = [rule for word, rule in self._rules if word in text]
        if b"AKIA" in raw or b"ASIA" in raw:
            rules.append(AWS_KEY)
        places = any(place in text for place in self._places)
        if rules or places or (self._sql and b'"sql"' in raw) or (self._conf and _has_conf(raw)):
            return rules
        return None


def _has_conf(raw: bytes) -> bool:
    """Whether a `conf` isn't empty, as it nearly always is."""
    at = raw.find(b'"conf"')
    while at >= 0:
        if not raw[at + 6 : at + 16].lstrip(b" :").startswith((b"{}", b"null")):
            return True
        at = raw.find(b'"conf"', at + 6)
    return False


def _clean_malformed(raw: bytes, cleaner: Cleaner) -> bytes:
    """Latin-1 keeps every byte as it is, and all that is looked for is ASCII."""

    def entry(match: re.Match[str]) -> str:
        key: Any = match[1][1:-1]
        secret = cleaner.keys.judge(key) or key in cleaner.dropped
        return f'{match[1]}{match[2]}"{MASK}"' if secret else match[0]

    return cleaner.text(_ENTRY.sub(entry, raw.decode("latin-1"))).encode("latin-1")
