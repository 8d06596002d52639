"""Takes secrets out of an event before it is stored (DESIGN D11).

Nearly all events are clean, so the first look must be cheap: the event is skimmed (letters that
tell little are dropped, which makes it a third as long), and the words that betray a secret,
skimmed alike, are looked for. A word found that way is looked for again in the whole text; only
then is the event parsed, cleaned and written anew.
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
_TELLING = b"abcdhknprstwyz"
_DROPPED = bytes(set(range(256)) - set(_TELLING) - set(_TELLING.upper()))
_SEPARATORS = b"_-. "
_ENOUGH, _AT_LEAST = 5, 3  # letters of a skimmed word

Words = list[tuple[str, TextRule | None]]
"""What betrays a secret, without separators and in small letters, and how texts are cleaned of it."""

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
        self._dropped = frozenset(["sourceCode"] * source_code + ["stackTrace"] * stack_traces)
        self._emptied = frozenset(
            ["conf"] * run_configuration + ["environmentVariables"] * environment_variables
        )
        self._sql_literals = sql_literals
        self._patterns = [re.compile(pattern) for pattern in patterns]
        rules = [(plain(word), assignment_rule(word)) for word in words]
        rules += [("bearer", BEARER), ("privatekey", PRIVATE_KEY)]
        places = [(plain(key), None) for key in self._dropped | self._emptied - {"conf"}]
        self._words = _by_skim([*rules, *places])

    def redact(self, raw: bytes) -> bytes:
        """The event without secrets; the same object if there were none.

        What is not JSON is cleaned as text, since it is parked for people to look at.
        """
        rules = self._clues(raw)
        if rules is None:
            return raw
        cleaner = Cleaner(self._keys, rules, self._dropped, self._emptied, self._sql_literals)
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
        skimmed = _skim(raw)
        hits = [words for skim, words in self._words if skim in skimmed]
        found = _in_full(hits, raw) if hits else []
        if b"@" in raw and _USERINFO.search(raw):
            found.append(USERINFO)
        if b"AKIA" in raw:
            found.append(AWS_KEY)
        if self._patterns:
            found += self._own_rules(raw)
        if found or self._has_place(raw):
            return [rule for rule in found if rule is not None]
        return None

    def _own_rules(self, raw: bytes) -> list[TextRule]:
        text = raw.decode(errors="replace")
        return [
            TextRule(("",), partial(pattern.sub, MASK))
            for pattern in self._patterns
            if pattern.search(text)
        ]

    def _has_place(self, raw: bytes) -> bool:
        """Whether it has what is cleaned by its place, whatever it holds."""
        sql = self._sql_literals and b'"sql"' in raw
        return sql or ("conf" in self._emptied and _has_conf(raw))


def _skim(text: bytes) -> bytes:
    return text.translate(_LOWER, _DROPPED)


def _by_skim(words: Words) -> list[tuple[bytes, Words]]:
    """The words by what is left of their beginning in a skimmed text; where that is too little to
    go by, by nothing, which is found everywhere.
    """
    groups: dict[bytes, Words] = {}
    for word, rule in words:
        skim = _skim(word.encode())[:_ENOUGH]
        groups.setdefault(skim if len(skim) >= _AT_LEAST else b"", []).append((word, rule))
    return list(groups.items())


def _in_full(hits: Iterable[Words], raw: bytes) -> list[TextRule | None]:
    text = raw.translate(_LOWER, _SEPARATORS)
    return [rule for words in hits for word, rule in words if word.encode() in text]


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
