"""What a line of shell is called: by the program or script that matters in it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from typing import Final

#: Between two commands of a line.
_OPERATORS: Final = frozenset({"&&", "||", ";", "|", "&", "(", ")", "|&", ";;"})
_KEYWORDS: Final = frozenset(
    {"if", "then", "elif", "else", "fi", "while", "until", "do", "done", "!", "{", "}"}
)
#: What prepares or asks, and is not why the line is there.
_BEFORE: Final = frozenset(
    {
        "cd",
        "test",
        "[",
        "[[",
        "sleep",
        "source",
        ".",
        "set",
        "export",
        "umask",
        "ulimit",
        "true",
        ":",
    }
)
#: What runs another program: its options that take a value, and how many words it has before that.
_RUNNERS: Final = {
    "exec": ("", 0),
    "command": ("", 0),
    "nohup": ("", 0),
    "time": ("fo", 0),
    "setsid": ("", 0),
    "chronic": ("", 0),
    "nice": ("n", 0),
    "ionice": ("cnpPu", 0),
    "chrt": ("TPD", 1),
    "taskset": ("", 1),
    "env": ("uCS", 0),
    "sudo": ("ugprtThCDRU", 0),
    "doas": ("uC", 0),
    "runuser": ("ugGsT", 0),
    "systemd-cat": ("tp", 0),
    "timeout": ("ks", 1),
    "flock": ("wE", 1),
}
_SHELLS: Final = re.compile(r"(ba|da|z|k)?sh|su|runuser")
_INTERPRETERS: Final = re.compile(r"(ba|da|z|k)?sh|python[\d.]*|perl|ruby|node|php|Rscript")
_ASSIGNED: Final = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_LINE: Final = re.compile(r"-[a-z]*c")


def name_of(command: str) -> str:
    """By the first program that is not there for another one; of none such the first of all."""
    commands = [list(one) for one in _commands(_words(command))]
    for words in commands:
        if name := _called(words):
            return name
    return next((_base(words[0]) for words in commands if words), "command")


def _words(command: str) -> list[str]:
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        return list(lexer)
    except ValueError:  # a quote that does not end: the shell will say so
        return command.split()


def _commands(words: Sequence[str]) -> Iterator[list[str]]:
    """Each simple command of a line, without what holds them together."""
    found: list[str] = []
    for word in words:
        if word in _OPERATORS:
            yield from (found,) if found else ()
            found = []
        elif found or word not in _KEYWORDS:
            found.append(word)
    yield from (found,) if found else ()


def _called(words: Sequence[str]) -> str | None:
    """None: it only prepares or asks."""
    while words:
        first = _base(words[0])
        if _ASSIGNED.fullmatch(words[0]):
            words = words[1:]
        elif first in _BEFORE or (first == "command" and words[1:2] in (["-v"], ["-V"])):
            return None
        elif (line := _line_of(first, words)) is not None:
            return name_of(line)
        elif first in _RUNNERS:
            words = _run_by(first, words)
        else:
            return _file(first, words)
    return None


def _line_of(first: str, words: Sequence[str]) -> str | None:
    """What a shell, or flock, is given to run as a line."""
    if not _SHELLS.fullmatch(first) and first != "flock":
        return None
    for place, word in enumerate(words[1:-1], 1):
        if _LINE.fullmatch(word):
            return words[place + 1]
    return None


def _run_by(first: str, words: Sequence[str]) -> list[str]:
    """What stands behind a runner, its options and the words that it has before it."""
    valued, before = _RUNNERS[first]
    rest = list(words[1:])
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option == "--":
            break
        if len(option) == 2 and option[1] in valued and rest:
            rest.pop(0)
    return rest[before:]


def _file(first: str, words: Sequence[str]) -> str:
    """Of an interpreter its script; of run-parts its folder."""
    if first == "run-parts" or _INTERPRETERS.fullmatch(first):
        given = next((word for word in words[1:] if not word.startswith("-")), "")
        return _base(given.rstrip("/")) or first
    return first


def _base(word: str) -> str:
    return word.rpartition("/")[2]
