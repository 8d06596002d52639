"""Two ways to tokens and teams: the store on this machine, or a running hub over HTTP."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from getpass import getuser
from typing import Any, Protocol, Self, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from hub import tokens
from hub.commands.common import hub_url_given, load
from hub.errors import Unavailable
from hub.main import opened
from hub.settings import ClientSettings
from hub.settings.masks import mask_url
from hub.store import access
from hub.store.access import NewToken, Team, Token
from hub.store.db import Database
from hub.store.migrate import migrate

T = TypeVar("T")

TIMEOUT_S = 30


class Granting(Protocol):
    """What the commands ask for. `where` is told to the person."""

    where: str

    def is_first(self) -> bool: ...
    def create(self, wanted: NewToken) -> str: ...
    def tokens(self) -> Sequence[Token]: ...
    def revoke(self, token_id: int) -> None: ...
    def teams(self) -> Sequence[Team]: ...
    def set_private(self, name: str, *, private: bool) -> None: ...


@contextmanager
def granting(
    config: str | None, database_url: str | None, *, new: bool = False
) -> Iterator[Granting]:
    """The running hub if the person named one, else the store of the settings.

    new: the store may be made, for the first token may be older than the first start of the hub.
    """
    if hub_url_given() and database_url is None:
        client = ClientSettings.load()
        with Remote(client) as remote:
            yield remote
        return
    settings = load(config, database_url=database_url)
    with opened(settings, new=new) as db:
        migrate(db)
        yield Local(db, mask_url(settings.database_url))


class Local:
    """Straight into the store."""

    def __init__(self, db: Database, where: str) -> None:
        self._db = db
        self.where = where
        self._actor = f"local:{_user()}"

    def is_first(self) -> bool:
        with self._db.reading() as connection:
            return not access.has_tokens(connection)

    def create(self, wanted: NewToken) -> str:
        return self._write(lambda c, **by: tokens.issue(c, wanted, **by)).text

    def tokens(self) -> Sequence[Token]:
        with self._db.reading() as connection:
            return access.list_tokens(connection)

    def revoke(self, token_id: int) -> None:
        self._write(lambda c, **by: tokens.revoke(c, token_id, **by))

    def teams(self) -> Sequence[Team]:
        with self._db.reading() as connection:
            return access.list_teams(connection)

    def set_private(self, name: str, *, private: bool) -> None:
        self._write(lambda c, **by: tokens.set_private(c, name, private=private, **by))

    def _write(self, change: Callable[..., T]) -> T:
        with self._db.writing() as connection:
            return change(connection, actor=self._actor, now=datetime.now(UTC))


class Remote:
    """Through a running hub, with an admin's token."""

    def __init__(
        self, settings: ClientSettings, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.where = mask_url(settings.url)
        headers = {}
        if settings.token:
            headers["Authorization"] = f"Bearer {settings.token.get_secret_value()}"
        self._http = httpx.Client(
            base_url=f"{settings.url.rstrip('/')}/api/v1/",
            headers=headers,
            timeout=TIMEOUT_S,
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def is_first(self) -> bool:
        return False  # whoever asks over HTTP has shown one

    def create(self, wanted: NewToken) -> str:
        body = msgspec.to_builtins(_Wanted(**msgspec.structs.asdict(wanted)))
        return str(self._ask("POST", "tokens", body)["token"])

    def tokens(self) -> Sequence[Token]:
        return [_struct(Token, each) for each in self._ask("GET", "tokens")["tokens"]]

    def revoke(self, token_id: int) -> None:
        self._ask("DELETE", f"tokens/{token_id}")

    def teams(self) -> Sequence[Team]:
        return [_struct(Team, each) for each in self._ask("GET", "teams")["teams"]]

    def set_private(self, name: str, *, private: bool) -> None:
        self._ask("PUT", f"teams/{quote(name, safe='')}", {"private": private})

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        try:
            answer = self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise Unavailable(f"no answer from {self.where}: {error}") from None
        if answer.is_success:
            return answer.json()
        raise Unavailable(f"{self.where} answers {answer.status_code}: {_detail(answer)}")


class _Wanted(NewToken, frozen=True, rename="camel"):
    """As the API spells it."""


def _struct(kind: type[T], told: dict[str, Any]) -> T:
    """A struct of ours from the API's camelCase."""
    snake = {re.sub("[A-Z]", lambda upper: f"_{upper[0].lower()}", key): told[key] for key in told}
    return msgspec.convert(snake, kind)


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return answer.reason_phrase


def _user() -> str:
    try:
        return getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return "unknown"
