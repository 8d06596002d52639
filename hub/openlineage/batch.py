"""A request body with many events, to the bytes of each."""

import json

import msgspec
from msgspec import Raw
from msgspec.json import Decoder

from hub.errors import BadInput
from hub.openlineage.faults import Phrase, fault
from hub.openlineage.wire import without_nan, without_poison

_BLANK = b" \t\r\n"
_ARRAY = Decoder(list[Raw])
_OBJECT = Decoder(dict[str, Raw])
_LINES = ("ndjson", "jsonl", "json-lines", "jsonlines")


def split_batch(body: bytes, content_type: str = "") -> list[bytes]:
    """The events of a JSON array, of JSON lines, or the one of a single object; not yet decoded.

    Lines are not looked into, so one bad event does not spoil the others. BadInput for anything
    that is none of these, and for an array that is not JSON.
    """
    start = body[:1] if body[:1] in (b"[", b"{") else body.lstrip(_BLANK)[:1]
    if not start:
        return []
    if start == b"[":
        return _split_array(body)
    if start == b"{" or content_type.partition(";")[0].endswith(_LINES):
        return _split_lines(body)
    raise BadInput("$", Phrase(repr(body[:20])), "a JSON array of events, or one event per line")


def _split_array(body: bytes) -> list[bytes]:
    try:
        return [bytes(event) for event in _ARRAY.decode(body)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        events = _split_poisoned(body) or _split_as_python(body)
        if events is None:
            raise fault(error, _ARRAY, body, ()) from None
        return events


def _split_poisoned(body: bytes) -> list[bytes] | None:
    """The events around a lone surrogate: what stands for it is as long, so the places agree."""
    clean = without_poison(body)
    try:
        found = [bytes(event) for event in _ARRAY.decode(clean)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    events, place = [], 0
    for event in found:
        start = clean.index(event, place)
        place = start + len(event)
        events.append(body[start:place])
    return events


def _split_as_python(body: bytes) -> list[bytes] | None:
    """The events of an array with NaN or Infinity, which Python writes and its json alone reads."""
    if without_nan(body) is None:
        return None
    found = json.loads(body)
    return [json.dumps(event).encode() for event in found] if isinstance(found, list) else None


def _split_lines(body: bytes) -> list[bytes]:
    """One object may also be spread over lines: then its first line alone is no object."""
    lines = [line for line in (line.strip(_BLANK) for line in body.split(b"\n")) if line]
    if len(lines) > 1 and not _is_object(lines[0]) and _is_object(body):
        return [body]
    return lines


def _is_object(text: bytes) -> bool:
    try:
        _OBJECT.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True
