"""Proving who we are: the headers of each request.

A JWT lives for a day (`[api_auth] jwt_expiration_time`) and dies with the secret it was signed
with, so it is fetched anew when it is refused: with 401, or with 403 and the words below.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from http import HTTPStatus

from adapters.airflow.config import Config
from adapters.base import Answer, Headers
from hub.errors import Unavailable

LOGIN = "/auth/token"


def refused(answer: Answer) -> bool:
    """Whether the answer means that our token is not valid (any more)."""
    foreign = answer.status == HTTPStatus.FORBIDDEN and "Invalid JWT token" in answer.text
    return foreign or answer.status == HTTPStatus.UNAUTHORIZED


class Login:
    """ask: one request without credentials. is_old: whether the server is an Airflow 2."""

    def __init__(
        self, config: Config, ask: Callable[..., Answer], is_old: Callable[[], bool]
    ) -> None:
        self._config = config
        self._ask = ask
        self._is_old = is_old
        self._jwt: str | None = None

    @property
    def by_header(self) -> bool:
        """Whether what we send is configured as it is, and nothing has to be asked for first."""
        return self._config.token is not None or bool(self._config.headers)

    def headers(self, anew: bool) -> Headers:  # noqa: FBT001  the signature Http asks for
        """anew: what was sent last time was refused. Secrets are resolved at each use."""
        own = {name: secret.resolve().reveal() for name, secret in self._config.headers.items()}
        return {**self._authorization(anew=anew), **own}

    def _authorization(self, *, anew: bool) -> dict[str, str]:
        config = self._config
        if config.token is not None:
            return {"Authorization": f"Bearer {config.token.resolve().reveal()}"}
        if config.username is None and config.headers:
            return {}
        if self._is_old():
            return self._basic()
        if anew or self._jwt is None:
            self._jwt = self._fetch()
        return {"Authorization": f"Bearer {self._jwt}"}

    def _basic(self) -> dict[str, str]:
        if self._config.username is None or self._config.password is None:
            return {}
        pair = f"{self._config.username}:{self._config.password.resolve().reveal()}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    def _fetch(self) -> str:
        answer = self._answer()
        token = answer.data.get("access_token") if isinstance(answer.data, dict) else None
        if answer.ok and isinstance(token, str):
            return token
        raise self._failure(answer)

    def _answer(self) -> Answer:
        if self._config.username is None or self._config.password is None:
            return self._ask("GET", LOGIN, authorized=False)
        password = self._config.password.resolve().reveal()
        body = {"username": self._config.username, "password": password}
        return self._ask("POST", LOGIN, json=body, authorized=False, repeat=True)

    def _failure(self, answer: Answer) -> Unavailable:
        """Never with the answer's text: a server may repeat there what it was sent."""
        what = f"{self._config.url}{LOGIN} answered {answer.status}"
        passing = answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        if passing or answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            return Unavailable(what)
        if self._config.username is None:
            mend = (
                "set `username` and `password`, `token`, or `headers`: this Airflow wants a login"
            )
        elif answer.status == HTTPStatus.NOT_FOUND:
            mend = "its auth manager has no such login: set `token` or `headers` instead"
        else:
            mend = "check `username` and `password`"
        return Unavailable(f"{what}; {mend}", permanent=True)
