"""A running hub over HTTP: TRACKSIDE_URL and TRACKSIDE_TOKEN, or the one that has the SQLite file."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any, Final, NoReturn, Self, TypeVar

import httpx
import msgspec

from hub.commands.common import hub_url_given
from hub.errors import Conflict, NotFound, TracksideError, Unavailable
from hub.settings import ClientSettings, Settings
from hub.settings.masks import mask_url

T = TypeVar("T")

TIMEOUT_S = 60
ATTEMPTS = 6
_AS_OURS: Final[Mapping[int, type[TracksideError]]] = {404: NotFound, 409: Conflict}


class Client:
    """Asks one hub; a busy one is asked again when it says so."""

    def __init__(self, url: str, token: str | None) -> None:
        self.where = mask_url(url)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=url.rstrip("/"), headers=headers, timeout=TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The answer, whatever its status below 500. Raises Unavailable if there is none."""
        answer = None
        for attempt in range(ATTEMPTS):
            try:
                answer = self._http.request(method, path, **options)
            except httpx.HTTPError as error:
                raise Unavailable(f"no answer from {self.where}: {error}") from None
            if answer.status_code not in {429, 503}:
                break
            time.sleep(float(answer.headers.get("retry-after", 2**attempt)))
        assert answer is not None
        if answer.status_code >= 500 or answer.status_code == 429:
            raise Unavailable(f"{self.where} answers {answer.status_code}: {detail(answer)}")
        return answer

    def done(self, method: str, path: str, **options: Any) -> None:
        """Asks for what has no answer of its own; an error tells why it was not done."""
        answer = self.ask(method, path, **options)
        if not answer.is_success:
            raise_refusal(self, answer)

    def json(self, method: str, path: str, **options: Any) -> Any:
        """The JSON of a good answer; an error tells what another one says."""
        answer = self.ask(method, path, **options)
        return answer.json() if answer.is_success else raise_refusal(self, answer)


def raise_refusal(client: Client, answer: httpx.Response) -> NoReturn:
    """Tells what a hub says that did not do what it was asked for.

    NotFound and Conflict are as ours; what else it refuses is Unavailable.
    """
    if answer.status_code in _AS_OURS:
        raise _AS_OURS[answer.status_code](detail(answer))
    raise Unavailable(f"{client.where} answers {answer.status_code}: {detail(answer)}")


def convert(told: Mapping[str, Any], kind: type[T]) -> T:
    """A struct of ours from the API's camelCase."""
    snake = {re.sub("[A-Z]", lambda upper: f"_{upper[0].lower()}", key): told[key] for key in told}
    return msgspec.convert(snake, kind)


def detail(answer: httpx.Response) -> str:
    try:
        told: Mapping[str, Any] = answer.json()
        return str(told["detail"])
    except (ValueError, KeyError, TypeError):
        return answer.reason_phrase


def live_hub(settings: Settings) -> Client | None:
    """The hub to speak to; None where the store can be worked on directly.

    Named by TRACKSIDE_URL, or holding the SQLite file: nobody else may write into that.
    """
    if hub_url_given():
        return named_hub()
    # What speaks to a hub that is named needs no store, and begins faster without one.
    from hub.store.db import Database, store_file
    from hub.store.lock import StoreLock

    file = store_file(settings.database_url)
    if file is None or not file.exists():
        return None
    db = Database(settings.database_url)
    holder = StoreLock(db).holder()
    db.close()
    return _client(holder.url) if holder and holder.url else None


def hub_at_work(settings: Settings) -> Client:
    """The hub to speak to; raises Unavailable if none runs."""
    hub = live_hub(settings)
    if hub is None:
        raise Unavailable(
            "no hub runs on this store; start it (trackside serve), or name one by "
            "TRACKSIDE_URL and TRACKSIDE_TOKEN"
        )
    return hub


def named_hub() -> Client:
    """The hub at TRACKSIDE_URL."""
    return _client(ClientSettings.load().url)


def _client(url: str) -> Client:
    token = ClientSettings.load().token
    return Client(url, token.get_secret_value() if token else None)
