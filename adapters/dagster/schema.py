"""What a server's schema knows, and queries without what it doesn't.

Dagster adds and drops fields between releases, and one unknown field fails a whole query.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec import Struct, field
from msgspec.structs import replace

from adapters.dagster.syntax import Document, Selection
from adapters.dagster.wire import convert

_WRAPPED: Final = 4  # list of non-null list of non-null, at most
_TYPE: Final = "name" + " ofType { name" * _WRAPPED + " }" * _WRAPPED

INTROSPECTION: Final = f"""
query TracksideSchema {{ __schema {{ queryType {{ name }} mutationType {{ name }} types {{
  name possibleTypes {{ name }}
  fields(includeDeprecated: true) {{ name args {{ name }} type {{ {_TYPE} }} }} }} }} }}
"""


class _Name(Struct, frozen=True):
    name: str


class _Type(Struct, frozen=True, rename="camel"):
    name: str | None = None
    of_type: _Type | None = None

    @property
    def core(self) -> str:
        """The name below all lists and non-nulls."""
        return self.name or (self.of_type.core if self.of_type else "")


class _Field(Struct, frozen=True):
    name: str
    type: _Type = _Type()
    args: list[_Name] = []


class _Kind(Struct, frozen=True, rename="camel"):
    name: str
    fields: list[_Field] | None = None
    possible_types: list[_Name] | None = None


class _Schema(Struct, frozen=True, rename="camel"):
    query_type: _Name
    mutation_type: _Name | None = None
    types: list[_Kind] = []


class _Answer(Struct, frozen=True):
    schema: _Schema = field(name="__schema")


class Schema:
    """The types of one server, by name."""

    def __init__(self, answer: Any) -> None:
        told = convert(answer, _Answer, "the schema").schema
        self._roots = {
            "query": told.query_type.name,
            "mutation": told.mutation_type.name if told.mutation_type else "",
        }
        self._fields: Mapping[str, Mapping[str, _Field]] = {
            kind.name: {one.name: one for one in kind.fields or ()} for kind in told.types
        }
        self._possible = {
            kind.name: {one.name for one in kind.possible_types or ()} or {kind.name}
            for kind in told.types
        }

    def prune(self, document: Document) -> Document:
        """The document without fields, arguments and fragments that the server doesn't know."""
        root = self._roots[document.kind]
        return replace(document, selections=tuple(self._known(document.selections, root)))

    def _known(self, selections: tuple[Selection, ...], kind: str) -> Iterator[Selection]:
        for one in selections:
            if one.name == "__typename":
                yield one
            elif one.on:
                if self._possible.get(one.on, set()) & self._possible.get(kind, set()):
                    yield from self._with_children(one, one.on)
            elif told := self._fields.get(kind, {}).get(one.name):
                names = {argument.name for argument in told.args}
                arguments = {k: v for k, v in one.arguments.items() if k in names}
                yield from self._with_children(replace(one, arguments=arguments), told.type.core)

    def _with_children(self, one: Selection, kind: str) -> Iterator[Selection]:
        """Nothing, if of what was asked for below nothing is left."""
        if not one.children:
            yield one
        elif children := tuple(self._known(one.children, kind)):
            yield replace(one, children=children)
