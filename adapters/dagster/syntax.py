"""The part of GraphQL's language that our own queries are written in.

A query is parsed so that fields a server doesn't know can be taken out of it, and written anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from msgspec import Struct

_TOKEN = re.compile(r'\.\.\.|\$\w+|[A-Za-z_]\w*|-?\d+(?:\.\d+)?|"[^"]*"|[{}()\[\]:!]')


class Selection(Struct, frozen=True):
    """One field, or with `on` one inline fragment."""

    name: str
    alias: str = ""
    arguments: Mapping[str, str] = {}
    on: str = ""
    children: tuple[Selection, ...] = ()

    def render(self) -> str:
        below = f" {{ {' '.join(map(Selection.render, self.children))} }}" if self.children else ""
        if self.on:
            return f"... on {self.on}{below}"
        told = " ".join(f"{name}: {value}" for name, value in self.arguments.items())
        alias = f"{self.alias}: " if self.alias else ""
        return f"{alias}{self.name}{f'({told})' if told else ''}{below}"


class Document(Struct, frozen=True):
    """One operation: `kind` is query or mutation, `variables` their types by name."""

    kind: str
    name: str
    variables: Mapping[str, str]
    selections: tuple[Selection, ...]

    def render(self) -> str:
        body = " ".join(map(Selection.render, self.selections))
        used = {name: kind for name, kind in self.variables.items() if _uses(body, name)}
        told = " ".join(f"{name}: {kind}" for name, kind in used.items())
        return f"{self.kind} {self.name}{f'({told})' if told else ''} {{ {body} }}"

    def variables_used(self, values: Mapping[str, object]) -> dict[str, object]:
        """Those of the values that the operation still has a use for."""
        body = " ".join(map(Selection.render, self.selections))
        return {name: value for name, value in values.items() if _uses(body, f"${name}")}


def parse(text: str) -> Document:
    """Of a named operation; a mistake in it is a mistake of ours."""
    tokens = _Tokens(_TOKEN.findall(text))
    kind, name = tokens.take(), tokens.take()
    variables = dict(tokens.pairs()) if tokens.ahead == "(" else {}
    document = Document(kind, name, variables, tuple(_selections(tokens)))
    if tokens.ahead:
        raise ValueError(f"query {name}: {tokens.ahead!r} after its end")
    return document


def _uses(body: str, variable: str) -> bool:
    return re.search(rf"\{variable}\b", body) is not None


def _selections(tokens: _Tokens) -> Iterator[Selection]:
    tokens.take("{")
    while tokens.ahead != "}":
        yield _selection(tokens)
    tokens.take("}")


def _selection(tokens: _Tokens) -> Selection:
    name = tokens.take()
    if name == "...":
        tokens.take("on")
        kind = tokens.take()
        return Selection("", on=kind, children=tuple(_selections(tokens)))
    alias = ""
    if tokens.ahead == ":":
        tokens.take(":")
        alias, name = name, tokens.take()
    arguments = dict(tokens.pairs()) if tokens.ahead == "(" else {}
    below = tuple(_selections(tokens)) if tokens.ahead == "{" else ()
    return Selection(name, alias, arguments, children=below)


class _Tokens:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def ahead(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def take(self, expected: str = "") -> str:
        token = self.ahead
        if not token or (expected and token != expected):
            raise ValueError(f"query: expected {expected or 'more'}, found {token!r}")
        self._at += 1
        return token

    def pairs(self) -> Iterator[tuple[str, str]]:
        """`(a: x b: [y])`: values as they are written."""
        self.take("(")
        while self.ahead != ")":
            name = self.take()
            self.take(":")
            yield name, self._value()
        self.take(")")

    def _value(self) -> str:
        text = self.take()
        if text == "[":
            while self.ahead != "]":
                text += f"{self._value()} "
            text = text.rstrip() + self.take()
        while self.ahead == "!":
            text += self.take()
        return text
