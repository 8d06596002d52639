"""The envelope of an event as it comes over the wire (spec 2-0-2, OpenLineage.json).

Facets stay raw: known ones get a typed decoder of their own, unknown ones are only kept. Names are
the spec's. What the spec requires and practice omits (schemaURL, producer, eventType) is optional.
"""

import json
import re

from msgspec import Raw, Struct
from msgspec.json import Decoder

Facets = dict[str, Raw]


class WireRun(Struct, gc=False, rename={"run_id": "runId"}):
    run_id: str
    facets: Facets | None = None


class WireJob(Struct, gc=False):
    namespace: str
    name: str
    facets: Facets | None = None


class WireDataset(Struct, gc=False, rename="camel"):
    namespace: str
    name: str
    facets: Facets | None = None
    input_facets: Facets | None = None
    output_facets: Facets | None = None


class WireEvent(Struct, gc=False, rename={
    "event_time": "eventTime", "event_type": "eventType", "schema_url": "schemaURL",
}):  # fmt: skip
    event_time: str
    event_type: str | None = None
    producer: str | None = None
    schema_url: str | None = None
    run: WireRun | None = None
    job: WireJob | None = None
    dataset: WireDataset | None = None
    inputs: list[WireDataset] | None = None
    outputs: list[WireDataset] | None = None


EVENT = Decoder(WireEvent)

_ESCAPES = re.compile(
    rb"""\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}  # a whole pair
       | (\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2}))                  # NUL, or half a pair
       | \\.""",
    re.VERBOSE | re.DOTALL,
)


def without_poison(raw: bytes) -> bytes:
    """Itself, or with U+FFFD for NULs and lone surrogates, which no text column takes."""
    if b"\\" not in raw or b"\\u" not in raw:
        return raw
    clean = _ESCAPES.sub(_harmless, raw)
    return raw if clean == raw else clean


def _harmless(escape: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if escape[1] else escape[0]


def without_nan(raw: bytes) -> bytes | None:
    """With null for NaN and Infinity, which Python's json writes; None if that is no help."""
    if b"NaN" not in raw and b"Infinity" not in raw:
        return None
    try:
        return json.dumps(json.loads(raw, parse_constant=lambda _: None)).encode()
    except (ValueError, RecursionError):
        return None
