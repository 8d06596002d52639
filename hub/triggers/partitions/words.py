"""The words of a mapping's text: values, quoted where they must be, and what stands between them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Struct

_WORD = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*")|([,;])|([^\s",;]+)|(\S))')
#: Those that stand between values, where they are not quoted.
MARKS: Final = frozenset({",", ";", "->", "+"})


class Word(Struct, frozen=True):
    """A word, or a value in quotes, and where it stands. `mark`: it stands between values."""

    text: str
    at: int
    end: int
    mark: bool = False


def words_of(text: str) -> Iterator[Word]:
    """ValueError where a quote is not closed, or what is quoted is no JSON string."""
    for found in _WORD.finditer(text):
        quoted, mark, bare, wrong = found.groups()
        at, end = found.span(found.lastindex or 0)
        if wrong:
            raise ValueError(f"{text[at:]!r} begins with a quote that is not closed")
        if quoted:
            yield Word(_unquoted(quoted), at, end)
        else:
            yield Word(mark or bare, at, end, (mark or bare) in MARKS)


def split_at(text: str, mark: str) -> list[str]:
    """The text between those marks that are not quoted."""
    cuts = [word for word in words_of(text) if word.mark and word.text == mark]
    begins = [0, *(word.end for word in cuts)]
    ends = [*(word.at for word in cuts), len(text)]
    return [text[begin:end].strip() for begin, end in zip(begins, ends, strict=True)]


def value_of(text: str) -> str:
    """The one value that the text is. ValueError if it is none, or several."""
    words = list(words_of(text))
    if len(words) != 1 or words[0].mark:
        raise ValueError(f'{text!r}: one value is expected, in "quotes" if it has spaces or marks')
    return words[0].text


def quoted(value: str) -> str:
    """The value as a word of a text, in quotes where it would be read as something else."""
    words = re.fullmatch(r'[^\s",;]+', value)
    return value if words and value not in MARKS else msgspec.json.encode(value).decode()


def _unquoted(text: str) -> str:
    try:
        return msgspec.json.decode(text, type=str)
    except msgspec.DecodeError as error:
        raise ValueError(f"{text} is no JSON string: {error}") from None
