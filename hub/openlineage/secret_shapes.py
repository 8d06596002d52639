"""What is a secret by its own shape, wherever it stands.

A `Sign` tells from the bytes of an event whether its rule may find anything there.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

from hub.openlineage.secret_words import KEYS, MASK, TextRule, assignment_rule, flag_rule, plain


class Sign(NamedTuple):
    """words: letters, at least one of which an event must hold.  proof: what it must hold too."""

    words: tuple[bytes, ...]
    proof: re.Pattern[bytes]
    rule: TextRule


def _rule(
    clues: Iterable[str], pattern: str, put: str, flags: re.RegexFlag = re.NOFLAG
) -> TextRule:
    return TextRule(tuple(clues), partial(re.compile(pattern, flags).sub, put))


USERINFO = _rule(["@"], r"(://[^\s/:@\"'\\]*):[^\s/@\"'\\]+@", rf"\1:{MASK}@")
BEARER = _rule(["bearer"], r"\b(bearer)\s+[\w.~+/=-]{16,}", rf"\1 {MASK}", re.IGNORECASE)
PRIVATE_KEY = _rule(
    ["private key"],
    r"(-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----).*?(?=-----END|\Z)",
    rf"\1{MASK}",
    re.DOTALL,
)

# Of an AWS key, the id and the secret that often follows it.
_SHAPE = r"""\b(?: (?:AKIA|ASIA)[0-9A-Z]{16}\b (?: ["']?\s*[:,/\s]\s*["']? [A-Za-z0-9/+]{40}(?![\w/+]) )?
  | (?<!-)eyJ[\w-]{10,}(?:\.[\w-]*){2,4}           # JSON web token
  | xox[abeoprs]-[\w-]{10,} | hooks\.slack\.com/(?:services|workflows|triggers)/[\w/]+
  | gh[oprsu]_\w{20,} | github_pat_\w{20,} | glpat-[\w-]{20,} | pypi-AgE[\w-]{20,}
  | dapi[0-9a-f]{32} | AIza[\w-]{35}
  ) | (?<![\w+/])[A-Za-z0-9+/]{86}==(?!=)    # the key of an Azure account"""
#: One of these stands in each of them.
TOKEN_MARKS = (
    b"AKIA", b"ASIA", b"eyJ", b"xox", b"hooks.slack.com/", b"ghp_", b"gho_", b"ghr_", b"ghs_",
    b"ghu_", b"github_pat_", b"glpat-", b"pypi-AgE", b"dapi", b"AIza", b"==",
)  # fmt: skip
TOKEN_PROOF = re.compile(_SHAPE.encode(), re.VERBOSE)
TOKEN = _rule([mark.decode().lower() for mark in TOKEN_MARKS], _SHAPE, MASK, re.VERBOSE)


_QUERY = re.compile(r"\?[^\s\"'<>\\#?]*=[^\s\"'<>\\#?]*")
_SIGNATURE = r"(?:[?&;]|%26|%3f|amp;)(?:x-(?:amz|goog)-)?sig(?:nature)?(?:=|%3d)"
_SIGNED = re.compile(rf"{_SIGNATURE}[^&]{{8,}}", re.IGNORECASE)
_EXPIRING = re.compile(r"[?&]expir", re.IGNORECASE)
_BY_TOKEN = re.compile(r"[?&]\w{0,20}token=", re.IGNORECASE)
_SIGNATURE_ALONE = re.compile(
    rf"({_SIGNATURE})[^\s\"'&;,]{{8,}}|(\bsignature=)[0-9a-f]{{64}}\b", re.IGNORECASE
)


def _unsigned(text: str) -> str:
    """Without the queries of signed URLs, which differ with each signing of the same place."""
    text = _QUERY.sub(lambda found: f"?{MASK}" if _is_signed(found[0]) else found[0], text)
    return _SIGNATURE_ALONE.sub(rf"\1\2{MASK}", text)


def _is_signed(query: str) -> bool:
    return bool(_SIGNED.search(query) or (_EXPIRING.search(query) and _BY_TOKEN.search(query)))


def _without_basic(text: str) -> str:
    return _BASIC.sub(lambda found: found[1] + MASK if _is_basic(found[2]) else found[0], text)


def _is_basic(encoded: str) -> bool:
    """`Basic authentication` is no user and password."""
    try:
        return b":" in b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except binascii.Error:
        return False


_BASIC = re.compile(r"\b(basic\s+)([A-Za-z0-9+/]{6,})={0,2}", re.IGNORECASE)

# In a shell, or as a list's text.  Others mean something else by the same flags.
_GAP = r"""(?:["'],?\s*["']?|\s+["']?)"""
_REST = r"""(?:(?![;|\n]).){0,300}?"""
_COMMANDS = (
    (r"\bcurl\b", rf"(?:-[uU]|--user|--proxy-user){_GAP}?[^\s:\"']*:"),
    (r"\bsshpass\b", rf"-p{_GAP}?"),
    (r"\bdocker\b.{0,100}?\blogin\b", rf"-p{_GAP}"),
    (r"\b(?:mysql|mariadb)\w*(?:-\w+)?\b", r"-p"),
    (r"\bredis-cli\b", rf"-a{_GAP}"),
)
_COMMAND = [
    re.compile(rf"({command}{_REST}[\s\"']{flag})[^\s\"',;|]+") for command, flag in _COMMANDS
]


def _without_flags(text: str) -> str:
    for command in _COMMAND:
        text = command.sub(rf"\1{MASK}", text)
    return text


SIGNS = (
    Sign(
        (b"sig", b"token"),
        re.compile(rb"(?i)(?:sig(?:nature)?|token)(?:=|%3d|\\u003d)"),
        TextRule(("sig", "token"), _unsigned),
    ),
    Sign(
        (b"curl", b"sshpass", b"docker", b"mysql", b"mariadb", b"rediscli"),
        re.compile(rb"""[\s"',nt](?:-[apuU]|--(?:proxy-)?user)"""),
        TextRule(("curl", "sshpass", "docker", "mysql", "mariadb", "redis-cli"), _without_flags),
    ),
    Sign((b"basic",), re.compile(rb"(?i)basic\s+[\w+/]{6}"), TextRule(("basic",), _without_basic)),
)


def flags_of(words: Iterable[str]) -> Sign:
    """Flags that end in one of the words."""
    words = list(words)
    return Sign(
        tuple(plain(word).encode() for word in words), re.compile(rb"--\w"), flag_rule(words)
    )


def rules_of(words: Iterable[str]) -> list[tuple[bytes, TextRule]]:
    """The rules that letters alone call for, each with the word that does."""
    rules = [(plain(word).encode(), assignment_rule(word)) for word in words]
    return [
        *rules,
        (b"accountkey", assignment_rule("AccountKey")),
        (b"bearer", BEARER),
        (b"privatekey", PRIVATE_KEY),
    ]


_ALWAYS = (
    USERINFO,
    TOKEN,
    *(sign.rule for sign in (*SIGNS, flags_of(KEYS))),
    *(rule for _, rule in rules_of(KEYS)),
)


def presentable(text: str) -> str:
    """The text as it may stand in a message."""
    for rule in _ALWAYS:
        text = rule.clean(text)
    return text
