"""Takes secrets out of an event before it is stored (DESIGN D11).

Nearly all events are clean, and the events of one job differ from run to run in times, ids and
numbers only. What is left of an event without those is its print, and what was found in one event
holds for all of its print. The first is searched for the words that betray a secret; events that
hold one are parsed, cleaned and written anew.
"""

import re
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec

from hub.openlineage.cleaning import Cleaner
from hub.openlineage.secret_shapes import (
    SIGNS,
    TOKEN,
    TOKEN_MARKS,
    TOKEN_PROOF,
    USERINFO,
    Sign,
    flags_of,
    rules_of,
)
from hub.openlineage.secret_words import KEYS, MASK, SecretKeys, TextRule, plain
from hub.openlineage.wire import without_nan

_LOWER = bytes(range(256)).lower()
_SEPARATORS = b"_-. "

_LASTING = b"ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ:{"
"""No digits and nothing of a hexadecimal id; `:` and `{` tell an empty object from another."""

_VARYING = bytes(set(range(256)) - set(_LASTING))
_PRINTS = 65_536  # that are remembered, at 100 bytes


class Clues(NamedTuple):
    """What the letters of an event call for.

    signs: rules that they call for only together with what a print does not hold.
    places: whether there are places to clean, whatever stands there.
    """

    rules: list[TextRule]
    signs: list[Sign]
    places: bool


def _stub(word: bytes) -> bytes:
    """What a print holds of a word: a shorter text to search, for most that is not there."""
    return word.translate(None, _VARYING)


_MARKS = [(_stub(mark), mark) for mark in TOKEN_MARKS]
_UNSEEN = Clues([], [], places=False)

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
        self._rules = [(_stub(word), word, rule) for word, rule in rules_of(words)]
        self._signs = [(_stub(word), word, sign) for sign in SIGNS for word in sign.words]
        self._flags = flags_of(words)
        self._places = [plain(key).encode() for key in self._dropped | self._emptied - {"conf"}]
        self._remembers = all(word.translate(None, _VARYING) for _, word, _ in self._rules)
        self._prints: dict[int, Clues | None] = {}

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
        if found is None:
            return rules or None
        rules += [sign.rule for sign in found.signs if sign.proof.search(raw)]
        rules += found.rules
        return rules if rules or found.places else None

    def _found(self, raw: bytes) -> Clues | None:
        """What a search finds, remembered by the print."""
        letters = raw.translate(None, _VARYING)
        if not self._remembers:
            return self._search(raw, letters)
        seen = hash(letters)
        found = self._prints.get(seen, _UNSEEN)
        if found is not _UNSEEN:
            return found
        found = self._search(raw, letters)
        if len(self._prints) >= _PRINTS:
            self._prints.clear()
        self._prints[seen] = found
        return found

    def _search(self, raw: bytes, letters: bytes) -> Clues | None:
        """None if there is nothing in it that calls for a cleaning."""
        text, few = raw.translate(_LOWER, _SEPARATORS), letters.translate(_LOWER)
        rules = [rule for stub, word, rule in self._rules if stub in few and word in text]
        signs = {sign: None for stub, word, sign in self._signs if stub in few and word in text}
        if rules:
            signs[self._flags] = None
        if any(stub in letters and mark in raw for stub, mark in _MARKS) and TOKEN_PROOF.search(
            raw
        ):
            rules.insert(0, TOKEN)
        places = (
            any(place in text for place in self._places)
            or (self._sql and b'"sql"' in raw)
            or (self._conf and _has_conf(raw))
        )
        return Clues(rules, [*signs], places) if rules or signs or places else None


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
