"""Wire shapes that stand in more than one facet, and what they mean."""

from msgspec import Struct

from hub.model import Check, CheckStatus, EntityName, Severity, Tag
from hub.openlineage.facets import Facet, Known, Reader
from hub.openlineage.reading import Reading


class WireName(Struct, gc=False):
    """A job or dataset as facets name it; its own facets, if any, are not looked at."""

    namespace: str
    name: str


class WireRunId(Struct, gc=False, rename="camel"):
    run_id: str


class _Owner(Struct, gc=False):
    name: str


class _Ownership(Facet):
    owners: list[_Owner] | None = None


class _Documentation(Facet):
    description: str


class _WireTag(Struct, gc=False):
    key: str
    value: str
    source: str | None = None
    field: str | None = None


class _Tags(Facet):
    tags: list[_WireTag] | None = None


def _owners(facet: _Ownership, known: Known, reading: Reading) -> None:
    if facet.owners is not None:
        known["owners"] = tuple(
            reading.word(owner.name, "owners", i, "name") for i, owner in enumerate(facet.owners)
        )


def _description(facet: _Documentation, known: Known, reading: Reading) -> None:
    known["description"] = reading.text(facet.description, "description")


def _tags(facet: _Tags, known: Known, reading: Reading) -> None:
    if facet.tags is not None:
        known["tags"] = tuple(_tag(tag, i, reading) for i, tag in enumerate(facet.tags))


def _tag(tag: _WireTag, index: int, reading: Reading) -> Tag:
    return Tag(
        reading.word(tag.key, "tags", index, "key"),
        reading.word(tag.value, "tags", index, "value"),
        reading.maybe(tag.source, "tags", index, "source"),
        reading.maybe(tag.field, "tags", index, "field"),
    )


OWNERSHIP = Reader(_Ownership, _owners, cleared={"owners": ()})
DOCUMENTATION = Reader(_Documentation, _description, cleared={"description": ""})
TAGS = Reader(_Tags, _tags, cleared={"tags": ()})


def entity(name: WireName, reading: Reading, *below: str | int) -> EntityName:
    return reading.entity(name.namespace, name.name, *below)


def severity(word: str | None) -> Severity:
    """`warn` in any case; everything else is an error, as the spec's own default is."""
    return Severity.WARN if word and word.lower().startswith("warn") else Severity.ERROR


class Result(Struct, gc=False, kw_only=True):
    """What a test execution and an assertion have in common."""

    severity: str | None = None
    expected: str | None = None
    actual: str | None = None


def check(
    result: Result,
    name: str,
    status: CheckStatus,
    reading: Reading,
    *below: str | int,
    column: str | None = None,
) -> Check:
    return Check(
        name=reading.word(name, *below, "name"),
        status=status,
        column=reading.maybe(column, *below, "column"),
        severity=severity(result.severity),
        expected=reading.maybe(result.expected, *below, "expected"),
        actual=reading.maybe(result.actual, *below, "actual"),
    )
