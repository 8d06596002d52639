"""What looks like a secret: the key it stands under, or the text itself."""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import NamedTuple

MASK = "***"

KEYS = (
    "password", "passwd", "secret", "token", "api_key", "access_key", "private_key", "credential",
    "authorization",
)  # fmt: skip

_SEPARATORS = "_-. "
_NO_SEPARATORS = str.maketrans("", "", _SEPARATORS)
_ENDINGS = re.compile(r"(?:s|\d+|value|hash|text|header|base64|b64)+$")


def plain(key: str) -> str:
    """Without case and separators: `api_key`, `apiKey` and `API-Key` are the same word."""
    return key.lower().translate(_NO_SEPARATORS)


class SecretKeys:
    """Tells the keys whose values are secrets.

    A key must end in one of the words, so `db_password`, `AWS_SECRET_ACCESS_KEY`, `clientSecrets`
    and `token2` are, while `tokenEndpoint`, `secret_name` and `password_policy` are not.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._words = tuple(filter(None, map(plain, words)))
        self.judge = lru_cache(maxsize=8_192)(self._judge)

    def _judge(self, key: str) -> bool:
        word = plain(key[-100:])
        return word.endswith(self._words) or _ENDINGS.sub("", word).endswith(self._words)


class TextRule(NamedTuple):
    """Cleans text that holds one of the clues, which are in small letters."""

    clues: tuple[str, ...]
    clean: Callable[[str], str]


def assignment_rule(word: str) -> TextRule:
    """`key=value`, `key: value`, `"key": "value"`, `Authorization: Bearer value`."""
    parts = re.split(r"[_. -]", word.lower())
    assigned = re.compile(
        rf"""({"[_. -]?".join(map(re.escape, parts))}s?\\?["']?\s?(?:=>|=|:)\s?\\?["']?)  # the key
             (?:(?:bearer|basic|digest)\s)?
             ([^\s"'\\&;,)}}\]]+)                                                         # the value""",
        re.IGNORECASE | re.VERBOSE,
    )
    return TextRule(
        tuple({joint.join(parts) for joint in ("", *_SEPARATORS)}), partial(assigned.sub, _masked)
    )


def _masked(match: re.Match[str]) -> str:
    """A count of tokens (`max_tokens: 100`) is no secret."""
    counts = match[2].isdecimal() and "token" in match[1].lower()
    return match[0] if counts else match[1] + MASK


def _rule(clue: str, pattern: str, put: str, flags: re.RegexFlag = re.NOFLAG) -> TextRule:
    return TextRule((clue,), partial(re.compile(pattern, flags).sub, put))


USERINFO = _rule("@", r"(://[^\s/:@\"'\\]*):[^\s/@\"'\\]+@", rf"\1:{MASK}@")
BEARER = _rule("bearer", r"\b(bearer)\s+[\w.~+/=-]{16,}", rf"\1 {MASK}", re.IGNORECASE)
AWS_KEY = _rule("a", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b", MASK)
PRIVATE_KEY = _rule("private key", r"(-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----)[^-]*", rf"\1{MASK}")


_ALWAYS = (*map(assignment_rule, KEYS), USERINFO, BEARER, AWS_KEY, PRIVATE_KEY)


def presentable(text: str) -> str:
    """The text as it may stand in a message."""
    for rule in _ALWAYS:
        text = rule.clean(text)
    return text
