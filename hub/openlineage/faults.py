"""What msgspec complains about, as our BadInput: the exact path, what stands there, what should."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec.json import Decoder

from hub.errors import BadInput
from hub.openlineage.secret_shapes import presentable
from hub.openlineage.secret_words import KEYS, SecretKeys

T = TypeVar("T")
Step = str | int

_COMPLAINT = re.compile(r"(?P<what>.*?)(?: - at `\$?(?P<path>.*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.+)`")
_EXPECTED = re.compile(r"Expected `(.+?)`(?:, got `.+`)?")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
_PLAIN = re.compile(r"[A-Za-z_$][\w$-]*")
_NAMES = {
    "int": "integer",
    "int | float": "integer",
    "float": "number",
    "str": "string",
    "bool": "boolean",
}
_OTHER = {
    "Invalid RFC3339": "a time as in RFC 3339",
    "Invalid": "one of the values the spec names",
    "Number out of range": "a number that fits",
}
_SECRET = SecretKeys(KEYS).judge
_ANY_KEY = "..."


class Phrase:
    """Words that stand in a message as they are."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def spot(steps: Sequence[Step]) -> str:
    """The JSON path of these keys and indices: `$.outputs[0].facets.schema`."""
    return "$" + "".join(map(_written, steps))


def _written(step: Step) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if _PLAIN.fullmatch(step) else f"[{msgspec.json.encode(step).decode()}]"


def fault(error: Exception, decoder: Decoder[Any], raw: Any, where: Sequence[Step]) -> BadInput:
    """Why `decoder` refused `raw`, which stands at `where` in what was sent."""
    if isinstance(error, RecursionError):
        return BadInput(spot(where), Phrase("deeper nesting"), "JSON of sane depth")
    if isinstance(error, UnicodeDecodeError):
        return BadInput(spot(where), Phrase(f"{error.reason} at {error.start}"), "text in UTF-8")
    if not isinstance(error, msgspec.ValidationError):
        return BadInput(spot(where), Phrase(str(error)), "JSON")
    return _misfit(str(error), decoder, raw, where)


def _misfit(text: str, decoder: Decoder[Any], raw: Any, where: Sequence[Step]) -> BadInput:
    match = _COMPLAINT.fullmatch(text)
    assert match
    what, path = match["what"], match["path"] or ""
    if cut := _malformed(raw):
        return BadInput(spot(where), Phrase(cut), "JSON")
    found = tree(raw)
    steps = list(_concrete(_steps(path), found, decoder))
    if missing := _MISSING.fullmatch(what):
        return BadInput(spot([*where, *steps, missing[1]]), Phrase("nothing"), "a value")
    return BadInput(spot([*where, *steps]), shown(_at(found, steps), *steps), _wanted(what))


def _malformed(raw: Any) -> str:
    """What is wrong with the JSON itself, further on than what was refused; nothing as a rule."""
    try:
        msgspec.json.decode(raw)
    except (msgspec.ValidationError, RecursionError):
        return ""
    except msgspec.DecodeError as error:
        return str(error)
    return ""


def _wanted(what: str) -> str:
    if expected := _EXPECTED.fullmatch(what):
        kind = expected[1].removesuffix(" | null")
        return _NAMES.get(kind, kind)
    return next((told for start, told in _OTHER.items() if what.startswith(start)), what)


def tree(raw: Any) -> Any:
    """The JSON value; None if it holds a number that no one can hold."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.MsgspecError, RecursionError):
        return None


def shown(value: Any, *below: Step) -> Any:
    """What may be told of a value: of objects and arrays nothing, of texts the beginning."""
    match value:
        case dict():
            return Phrase("an object")
        case list():
            return Phrase("an array")
        case None | bool():
            return Phrase(msgspec.json.encode(value).decode())
        case str() if any(_SECRET(step) for step in below if isinstance(step, str)):
            return Phrase("a secret")
        case str():
            return presentable(value[:200])[:60]
        case _:
            return value


def _steps(path: str) -> list[Step]:
    """msgspec writes `[...]` for any key of a mapping."""
    found = _STEP.findall(path)
    return [int(index) if index.isdecimal() else key or index for key, index in found]


def _concrete(steps: list[Step], value: Any, decoder: Decoder[Any]) -> Iterator[Step]:
    """The steps with each `...` replaced by the first key whose value is refused."""
    for number, step in enumerate(steps):
        if step == _ANY_KEY:
            steps[number] = _culprit(value, steps[:number], decoder)
        yield steps[number]


def _culprit(value: Any, to_mapping: Sequence[Step], decoder: Decoder[Any]) -> str:
    mapping: dict[str, Any] = _at(value, to_mapping) or {_ANY_KEY: None}
    suspects = list(mapping)
    while len(suspects) > 1:
        half = {key: mapping[key] for key in suspects[: len(suspects) // 2]}
        guilty = _refused(_with(value, to_mapping, half), decoder)
        suspects = list(half) if guilty else suspects[len(half) :]
    return suspects[0]


def _refused(value: Any, decoder: Decoder[Any]) -> bool:
    try:
        decoder.decode(msgspec.json.encode(value))
    except msgspec.ValidationError:
        return True
    return False


def _at(value: Any, steps: Sequence[Step]) -> Any:
    for step in steps if value is not None else ():
        value = value[step]
    return value


def _with(whole: Any, steps: Sequence[Step], value: Any) -> Any:
    """A copy of the whole with this value at the end of the steps."""
    if not steps:
        return value
    copy = whole.copy()
    copy[steps[0]] = _with(whole[steps[0]], steps[1:], value)
    return copy
