"""Asking Flyte: who we are, pages of objects, and what to change on a refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import quote

import httpx

from adapters.base import Answer, Headers, Http
from adapters.flyte.config import Config
from adapters.flyte.login import token_of
from adapters.flyte.wire import (
    Execution,
    Executions,
    Identifier,
    Node,
    Nodes,
    Plan,
    Plans,
    read,
)
from hub.errors import Unavailable

T = TypeVar("T")

BASE: Final = "/api/v1"
#: Objects that are asked for at once.
ROWS: Final = 100
#: Pages of a list that is read whole.
PAGES: Final = 25


class Api:
    """One Flyte. date: its clock at its latest answer to a list of executions."""

    def __init__(
        self,
        config: Config,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._config = config
        self._transport = transport
        self._token: str | None = None
        self.date: datetime | None = None
        self.http = Http(
            config.url,
            authorize=self._headers,
            verify=config.verify,
            transport=transport,
            sleep=sleep,
        )

    def changed(self, place: str, since: datetime, offset: int) -> Executions:
        """A page of the executions that were changed since, those that were first."""
        at = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        path = f"{BASE}/executions/{place}"
        params = {
            "limit": str(ROWS),
            "filters": f"gte(updated_at,{at})",
            "sort_by.key": "updated_at",
            "sort_by.direction": "ASCENDING",
        }
        answer = self.http.ask(
            "GET", path, params=params | ({"token": str(offset)} if offset else {})
        )
        page = self.read(answer, path, Executions)
        self.date = answer.date
        return page

    def execution(self, project: str, domain: str, name: str) -> Execution | None:
        return self.find(f"{BASE}/executions/{seg(project, domain, name)}", Execution)

    def nodes(self, project: str, domain: str, name: str) -> list[Node]:
        """Of an execution, but those within others."""
        path, found, token = f"{BASE}/node_executions/{seg(project, domain, name)}", [], ""
        for _ in range(PAGES):
            params = {"limit": str(ROWS)} | ({"token": token} if token else {})
            page = self.get(path, Nodes, params)
            found += page.node_executions or []
            token = page.token
            if not token:
                break
        return found

    def plans(self, place: str) -> list[Plan]:
        """The launch plans that are active."""
        path, found, token = f"{BASE}/active_launch_plans/{place}", list[Plan](), ""
        for _ in range(PAGES):
            params = {"limit": str(ROWS)} | ({"token": token} if token else {})
            page = self.get(path, Plans, params)
            found += page.launch_plans or []
            token = page.token
            if not token:
                break
        return found

    def plan(self, project: str, domain: str, name: str) -> Plan | None:
        """Its active version, else its latest; None: there is none."""
        at = seg(project, domain, name)
        active = self.find(f"{BASE}/active_launch_plans/{at}", Plan)
        if active is not None:
            return active
        params = {"limit": "1", "sort_by.key": "created_at", "sort_by.direction": "DESCENDING"}
        found = self.get(f"{BASE}/launch_plans/{at}", Plans, params).launch_plans
        return found[0] if found else None

    def workflow(self, key: Identifier) -> Any:
        """What was registered as that workflow, as it is; None if it can't be read."""
        path = f"{BASE}/workflows/{seg(key.project, key.domain, key.name, key.version)}"
        answer = self.http.ask("GET", path)
        return answer.data if answer.ok else None

    def get(self, path: str, kind: type[T], params: Mapping[str, str] | None = None) -> T:
        return self.read(self.http.ask("GET", path, params=params), path, kind)

    def find(self, path: str, kind: type[T]) -> T | None:
        """None: it does not exist (any more)."""
        answer = self.http.ask("GET", path)
        return None if answer.status == HTTPStatus.NOT_FOUND else self.read(answer, path, kind)

    def read(self, answer: Answer, path: str, kind: type[T]) -> T:
        if not answer.ok:
            raise self.failure(answer, path)
        return read(answer.data, kind, self.http.url + path)

    def failure(self, answer: Answer, path: str) -> Unavailable:
        return self.http.failure(answer, path, MEND.get(answer.status, ""))

    def _headers(self, refused: bool) -> Headers:  # noqa: FBT001
        """Secrets are resolved when they are used, so that a rotated one is picked up."""
        config = self._config
        told = {name: ref.resolve().reveal() for name, ref in config.headers.items()}
        if config.client_id is not None and (refused or self._token is None):
            self._token = token_of(self.http, config, self._transport)
        token = config.token.resolve().reveal().strip() if config.token else self._token
        return told | ({"Authorization": f"Bearer {token}"} if token else {})


MEND: Final[Mapping[int, str]] = {
    HTTPStatus.UNAUTHORIZED: "check `client_id` and `client_secret`, or `token`",
    HTTPStatus.FORBIDDEN: "let the client read executions and launch plans, or check `projects`",
    HTTPStatus.NOT_FOUND: "check `url`: Flyte's admin service answers /api/v1/version there",
}


def seg(*names: str) -> str:
    """Names as segments of a path."""
    return "/".join(quote(name, safe="") for name in names)
