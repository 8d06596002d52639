"""How facets are read: per facet a typed decoder, reused, and a function that says what it means."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct, field
from msgspec.json import Decoder

from hub.openlineage.faults import fault, tree
from hub.openlineage.reading import Reading

Known = dict[str, Any]
"""What the facets of one job, run or dataset say, by the field of the model it belongs to."""


class Facet(Struct, gc=False, kw_only=True):
    """Base of the wire structs. `_producer` and `_schemaURL` are not asked for: practice omits them."""

    deleted: bool | None = field(default=False, name="_deleted")


F = TypeVar("F", bound=Facet)


class Reader:
    """One facet. Without `mean` it is only checked.

    cleared: what is known after a facet marked `_deleted`. alias_of: the spec's name of the facet.
    foreign: a vendor's, so ignored where it is misshapen.
    """

    __slots__ = ("alias_of", "cleared", "decode", "decoder", "foreign", "mean")

    def __init__(
        self,
        shape: type[F],
        mean: Callable[[F, Known, Reading], None] | None = None,
        *,
        cleared: Known | None = None,
        alias_of: str | None = None,
        foreign: bool = False,
    ) -> None:
        self.decoder: Decoder[Any] = Decoder(shape)
        self.decode = self.decoder.decode
        self.mean: Callable[[Any, Known, Reading], None] | None = mean
        self.cleared = cleared or {}
        self.alias_of = alias_of
        self.foreign = foreign


Readers = Mapping[str, Reader]


def read_facets(
    facets: Mapping[str, Raw] | None, readers: Readers, known: Known, reading: Reading
) -> dict[str, bytes]:
    """Adds what the facets mean to `known`; returns all of them as they came."""
    if not facets:
        return {}
    container = reading.where
    for name, raw in facets.items():
        if name in readers:
            reading.where = (*container, name)
            _read(name, raw, readers, facets, known, reading)
    reading.where = container
    return {name: bytes(raw) for name, raw in facets.items()}


def _read(
    name: str, raw: Raw, readers: Readers, facets: Mapping[str, Raw], known: Known, reading: Reading
) -> None:
    reader = readers[name]
    if reader.alias_of:
        reading.warn(f"read as {reader.alias_of}")
        if reader.alias_of in facets:
            return
    try:
        facet = reader.decode(raw)
    except (msgspec.MsgspecError, RecursionError) as error:
        _refuse(error, reader, raw, known, reading)
        return
    if facet.deleted:
        known.update(reader.cleared)
    elif reader.mean:
        reader.mean(facet, known, reading)


def _refuse(error: Exception, reader: Reader, raw: Raw, known: Known, reading: Reading) -> None:
    """Raises BadInput unless the facet is void, marked as deleted, or not the spec's."""
    value = bytes(raw)
    if value == b"null":
        reading.warn("is null")
    elif reader.foreign:
        reading.warn(f"not understood: {error}")
    elif _is_deleted(value):
        known.update(reader.cleared)
    else:
        raise fault(error, reader.decoder, value, reading.where) from None


def _is_deleted(value: bytes) -> bool:
    facet = tree(value)
    return isinstance(facet, dict) and facet.get("_deleted") is True
