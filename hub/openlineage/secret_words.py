"""Words that betray a secret: as the key it stands under, or before it in a text."""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import NamedTuple

MASK = "***"

KEYS = (
    "password", "passwd", "pwd", "passphrase", "secret", "token", "api_key", "access_key",
    "private_key", "shared_access_signature", "credential", "authorization",
)  # fmt: skip

_SEPARATORS = "_-. "
_NO_SEPARATORS = str.maketrans("", "", _SEPARATORS)
_ENDINGS = re.compile(r"(?:s|\d+|value|hash|text|header|base64|b64)+$")
_PLACEHOLDERS = frozenset({"?", "%s", MASK})


def plain(key: str) -> str:
    """Without case and separators: `api_key`, `apiKey` and `API-Key` are the same word."""
    return key.lower().translate(_NO_SEPARATORS)


def is_no_secret(key: str, value: object) -> bool:
    """Under a telling key: a count (`max_tokens: 100`), or the folder in which a shell works."""
    low = key.lower()
    if isinstance(value, str):
        return low in {"pwd", "oldpwd"} and value.startswith("/")
    return "token" in low


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
    """`key=value`, `key: 'a value'`, `"key": "value"`, `Authorization: Bearer value`."""
    parts = _parts(word)
    assigned = re.compile(
        rf"""({_spelled(parts)}s?\\?["']?\s?(?:=>|=|:)\s?)         # the key
             (?:(?:bearer|basic|digest|token|negotiate)\s+)?
             (?: (\\["'])([^"'\\]+)                                # the value, in quotes or not
               | (")((?:[^"\\\n]|\\.)+)
               | (')((?:[^'\\\n]|\\.)+)
               | ([^\s"'\\&;,)}}\]]+) )""",
        re.IGNORECASE | re.VERBOSE,
    )
    return TextRule(_clues(parts), partial(assigned.sub, partial(_masked, plain(word))))


def flag_rule(words: Iterable[str]) -> TextRule:
    """`--db-password value`, `--token 'a value'`; `'--token', 'value'` where a list is printed."""
    spelled = "|".join(_spelled(_parts(word)) for word in words)
    flagged = re.compile(
        rf"""(?<![\w-])(--[\w-]{{0,40}}?(?:{spelled})(?:["'],?\s*|\s+)["']?)
             ((?<=")[^"\n]+ | (?<=')[^'\n]+ | (?<!["'])[^\s"'-][^\s"']*)""",
        re.IGNORECASE | re.VERBOSE,
    )

    def masked(match: re.Match[str]) -> str:
        return match[0] if _is_count(match[1], match[2]) else match[1] + MASK

    return TextRule(("--",), partial(flagged.sub, masked))


def _parts(word: str) -> list[str]:
    return re.split(r"[_. -]", word.lower())


def _spelled(parts: Iterable[str]) -> str:
    return "[_. -]?".join(map(re.escape, parts))


def _clues(parts: list[str]) -> tuple[str, ...]:
    return tuple({joint.join(parts) for joint in ("", *_SEPARATORS)})


def _masked(word: str, match: re.Match[str]) -> str:
    key, *rest = (part for part in match.groups() if part is not None)
    quote, value = rest if len(rest) == 2 else ("", rest[0])
    harmless = (
        value in _PLACEHOLDERS
        or _is_count(key, value)
        or _is_column(value, word)
        or is_no_secret(key.rstrip(" =:>"), value)
    )
    return match[0] if harmless else f"{key}{quote}{MASK}"


def _is_count(key: str, value: str) -> bool:
    return value.isdecimal() and "token" in key.lower()


def _is_column(value: str, word: str) -> bool:
    """`a.token = b.token` compares two columns."""
    names = value.split(".")
    return 1 < len(names) < 5 and all(map(str.isidentifier, names)) and plain(value).endswith(word)
