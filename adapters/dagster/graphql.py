"""The one client: POST /graphql, and every way in which Dagster says no.

A query it can't validate is answered with 400 and `errors`; a resolver that failed with 500 and a
`data` like any other, whose union then holds a PythonError; a typed error with 200.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final, TypeVar

from msgspec import Struct

from adapters.base import Answer, Http
from adapters.dagster.schema import INTROSPECTION, Schema
from adapters.dagster.syntax import Document, parse
from adapters.dagster.wire import Typed, convert
from hub.errors import Unavailable, shorten

T = TypeVar("T")

PATH: Final = "/graphql"
_MEND: Final = {
    401: "Set `token` to a reference to a user token (Dagster+), or `headers` for your proxy",
    403: "The token may not read this deployment: give its user at least the role Viewer",
    404: "`url` must be the address of Dagster's web page with its path prefix; on Dagster+ with "
    "the deployment, as in https://acme.dagster.cloud/prod",
}


class QueryFailedError(Unavailable):
    """Dagster understood the request and could not answer it (`errors`), because of `fields`."""

    def __init__(
        self, message: str, *, permanent: bool = False, fields: frozenset[str] = frozenset()
    ) -> None:
        self.fields = fields
        super().__init__(message, permanent=permanent)


class Told(Struct, frozen=True):
    """`data` of an answer, and the server's clock when it was given."""

    data: Any
    date: datetime | None


class GraphQL:
    """Asks one deployment. Queries may be asked twice, mutations never are."""

    def __init__(self, http: Http) -> None:
        self.http = http
        self._schema: Schema | None = None

    def query(
        self, text: str, kind: type[T], variables: Mapping[str, object] | None = None
    ) -> tuple[T, datetime | None]:
        """What a query answers, and the server's time."""
        told = self._told(_parsed(text), variables or {}, repeat=True)
        return convert(told.data, kind, self._at(text)), told.date

    def mutate(self, text: str, kind: type[T], variables: Mapping[str, object]) -> T:
        """What a mutation answers. It is sent once; after an Unavailable nobody knows."""
        told = self._told(_parsed(text), variables, repeat=False)
        return convert(told.data, kind, self._at(text))

    def expect(self, told: Typed, typename: str) -> None:
        """Unavailable unless the union's member is the one that is no error."""
        if told.typename == typename:
            return
        permanent = told.typename == "UnauthorizedError"
        mend = f". {_MEND[403]}" if permanent else ""
        raise QueryFailedError(
            f"{self.http.url}{PATH} answered {told.typename or 'something'} instead of {typename}: "
            f"{shorten((told.message or '').strip(), 300)}{mend}",
            permanent=permanent,
        )

    def _told(self, document: Document, variables: Mapping[str, object], *, repeat: bool) -> Told:
        told = self._schema.prune(document) if self._schema else document
        answer = self._ask(told, variables, repeat=repeat)
        if answer.status == 400 and _errors(answer):  # not validated: nothing was done
            self._schema = self._introspect()
            known = self._schema.prune(document)
            if not known.selections:
                raise self._unknown(document)
            if known != told:
                answer = self._ask(known, variables, repeat=repeat)
        return self._read(answer)

    def _ask(self, document: Document, variables: Mapping[str, object], *, repeat: bool) -> Answer:
        body = {"query": document.render(), "variables": document.variables_used(variables)}
        return self.http.ask("POST", PATH, json=body, repeat=repeat)

    def _read(self, answer: Answer) -> Told:
        if errors := _errors(answer):
            raise QueryFailedError(
                f"{self.http.url}{PATH} answered {answer.status}: {shorten('; '.join(errors), 600)}",
                permanent=answer.status == 400,
                fields=_fields(answer),
            )
        data = answer.data.get("data") if isinstance(answer.data, dict) else None
        if isinstance(data, dict) and (answer.ok or answer.status == 500):
            return Told(data, answer.date)
        if not answer.ok:
            raise self.http.failure(answer, PATH, _MEND.get(answer.status, ""))
        raise Unavailable(
            f"{self.http.url}{PATH} answered {answer.status} without `data`: is there a Dagster at "
            f"this address? It said {shorten(answer.text)}"
        )

    def _introspect(self) -> Schema:
        return Schema(self._read(self._ask(_parsed(INTROSPECTION), {}, repeat=True)).data)

    def _unknown(self, document: Document) -> Unavailable:
        return QueryFailedError(
            f"{self.http.url}{PATH} knows nothing of the query {document.name}: this Dagster is too "
            "old (1.9 is the oldest that is supported)",
            permanent=True,
        )

    def _at(self, text: str) -> str:
        return f"{self.http.url}{PATH} ({_parsed(text).name})"


@cache
def _parsed(text: str) -> Document:
    return parse(text)


def _errors(answer: Answer) -> list[str]:
    """The messages of `errors`, if there are any."""
    errors = answer.data.get("errors") if isinstance(answer.data, dict) else None
    return [_message(error) for error in errors] if isinstance(errors, list) else []


def _fields(answer: Answer) -> frozenset[str]:
    """The outermost fields that failed."""
    paths = (error.get("path") for error in answer.data["errors"] if isinstance(error, dict))
    return frozenset(str(path[0]) for path in paths if isinstance(path, list) and path)


def _message(error: object) -> str:
    return str(error.get("message")) if isinstance(error, dict) else str(error)


def in_chunks(items: Iterable[T], size: int) -> Iterable[list[T]]:
    """The items in lists of at most `size`."""
    held: list[T] = []
    for item in items:
        held.append(item)
        if len(held) == size:
            yield held
            held = []
    if held:
        yield held


def one_by_one(ask: Callable[[list[T]], list[Any]], items: list[T], failed: list[T]) -> list[Any]:
    """What `ask` says of the items; those it can't answer for are put into `failed`.

    One run whose record is broken must not hide all the others.
    """
    try:
        return ask(items) if items else []
    except QueryFailedError as error:
        if error.permanent:
            raise
        if len(items) == 1:
            failed += items
            return []
    middle = len(items) // 2
    return one_by_one(ask, items[:middle], failed) + one_by_one(ask, items[middle:], failed)
