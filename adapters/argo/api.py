"""Asking the Argo server: who we are, pages of objects, and what to change on a refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final, TypeVar
from urllib.parse import quote

import httpx
from msgspec import Struct

from adapters.argo.config import Config
from adapters.argo.wire import (
    COMPLETED,
    CronWorkflow,
    CronWorkflows,
    Template,
    Templates,
    Version,
    Workflow,
    Workflows,
    read,
)
from adapters.base import Answer, Headers, Http
from hub.errors import Unavailable

T = TypeVar("T")

BASE: Final = "/api/v1"
#: Objects that are asked for at once.
ROWS: Final = 200
#: Pages of a list that is read whole.
PAGES: Final = 25
#: What a workflow carries along and nobody here reads.
_BULK: Final = ("spec.templates", "status.storedTemplates", "status.storedWorkflowTemplateSpec")
_BRIEF: Final = ("metadata", "status.phase", "status.startedAt", "status.finishedAt")


class Page(Struct, frozen=True):
    """Of a list. date: the server's clock when it was answered."""

    rows: list[Workflow]
    last: bool
    date: datetime | None = None


class Api:
    """One Argo server; of one Kubernetes namespace, or of all."""

    def __init__(
        self,
        config: Config,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._config = config
        self._namespace = config.kubernetes_namespace
        self.http = Http(
            config.url,
            authorize=self._headers,
            verify=config.verify,
            transport=transport,
            sleep=sleep,
        )

    # -- workflows -------------------------------------------------------------------------------

    def open(self) -> list[Workflow]:
        """All that have not ended, with their nodes; the newest of very many."""
        found: list[Workflow] = []
        params = {
            "listOptions.labelSelector": f"{COMPLETED}!=true",
            "fields": "-" + ",".join(f"items.{one}" for one in _BULK),
        }
        for _ in range(PAGES):
            page = self._workflows(len(found), params)
            found += page.rows
            if page.last:
                break
        return found

    def created(self, since: datetime, offset: int) -> Page:
        """A page of those that were created since, live and archived, without their nodes."""
        fields = ["metadata", *(f"items.{one}" for one in _BRIEF)]
        at = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return self._workflows(offset, {"createdAfter": at, "fields": ",".join(fields)})

    def workflow(self, namespace: str, name: str, uid: str) -> Workflow | None:
        """The whole one, live or archived; None: it was deleted."""
        path = f"{BASE}/workflows/{seg(namespace)}/{seg(name)}"
        found = self.find(path, Workflow, {"uid": uid, "fields": "-" + ",".join(_BULK)})
        if found is None or found.metadata.uid == uid:
            return found
        # The name belongs to another one by now, and servers before 4.1 don't heed the uid.
        answer = self.http.ask("GET", f"{BASE}/archived-workflows/{seg(uid)}")
        return self.read(answer, path, Workflow) if answer.ok else None

    def named(self, namespace: str, name: str) -> Workflow | None:
        """Whatever has the name now, or had it last."""
        fields = {"fields": "metadata,status.phase"}
        return self.find(f"{BASE}/workflows/{seg(namespace)}/{seg(name)}", Workflow, fields)

    def _workflows(self, offset: int, params: Mapping[str, str]) -> Page:
        """The server tells whether there are more only if it is asked how many."""
        path = self.under("workflows")
        asked = {
            **params,
            "listOptions.limit": str(ROWS),
            "listOptions.continue": str(offset),
            "listOptions.fieldSelector": "ext.showRemainingItemCount=true",
        }
        answer = self.http.ask("GET", path, params=asked)
        page = self.read(answer, path, Workflows)
        rows = page.items or []
        more = bool(page.metadata.more) or len(rows) == ROWS
        return Page(rows, not (rows and more), answer.date)

    # -- what is declared ------------------------------------------------------------------------

    def cron_workflows(self) -> list[CronWorkflow]:
        found: list[CronWorkflow] = []
        params: dict[str, str] = {"listOptions.limit": str(ROWS)}
        for _ in range(PAGES):
            page = self.get(self.under("cron-workflows"), CronWorkflows, params)
            found += page.items or []
            if not page.metadata.more:
                break
            params["listOptions.continue"] = page.metadata.more
        return found

    def templates(self) -> list[Template]:
        """Those of namespaces; of very many the first."""
        params = {"listOptions.limit": str(ROWS * PAGES)}
        return self.get(self.under("workflow-templates"), Templates, params).items or []

    def version(self) -> str:
        return self.get(f"{BASE}/version", Version).version

    # -- one request -----------------------------------------------------------------------------

    def under(self, kind: str) -> str:
        """Where the list is of all objects of a kind."""
        return f"{BASE}/{kind}/{seg(self._namespace)}"

    def get(self, path: str, kind: type[T], params: Mapping[str, str] | None = None) -> T:
        return self.read(self.http.ask("GET", path, params=params), path, kind)

    def find(self, path: str, kind: type[T], params: Mapping[str, str] | None = None) -> T | None:
        """None: it does not exist (any more)."""
        answer = self.http.ask("GET", path, params=params)
        return None if answer.status == HTTPStatus.NOT_FOUND else self.read(answer, path, kind)

    def read(self, answer: Answer, path: str, kind: type[T]) -> T:
        if not answer.ok:
            raise self.failure(answer, path)
        return read(answer.data, kind, self.http.url + path)

    def failure(self, answer: Answer, path: str) -> Unavailable:
        return self.http.failure(answer, path, MEND.get(answer.status, ""))

    def _headers(self, refused: bool) -> Headers:  # noqa: ARG002, FBT001
        """Secrets are resolved for each request, so that a rotated one is picked up."""
        told = {name: ref.resolve().reveal() for name, ref in self._config.headers.items()}
        if self._config.token is not None:
            token = self._config.token.resolve().reveal().strip()
            told["Authorization"] = f"Bearer {token.removeprefix('Bearer ')}"
        return told


MEND: Final[Mapping[int, str]] = {
    HTTPStatus.UNAUTHORIZED: "check `token`: it is that of a service account (argo auth token)",
    HTTPStatus.FORBIDDEN: "let the service account of `token` get and list workflows, "
    "cronworkflows and workflowtemplates of argoproj.io, or set `kubernetes_namespace`",
    HTTPStatus.NOT_FOUND: "check `url`: it is where the Argo server answers /api/v1/version",
}


def seg(name: str) -> str:
    """A name as one segment of a path."""
    return quote(name, safe="")
