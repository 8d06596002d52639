"""Brings the dashboards into a Grafana over its HTTP API, and takes nothing from people.

Each push leaves a message with the digest of what was pushed. A dashboard whose latest version has
no such message was changed by a person: it stays as it is unless that is forced. What is as it
should be is not written again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from enum import StrEnum
from typing import Any, Final, Self
from urllib.parse import quote

import httpx

from dashboards import GENERATED
from hub.errors import ConfigError, Unavailable

Board = Mapping[str, Any]

FOLDER: Final = ("trackside", "Trackside")
_MESSAGE: Final = "trackside push "
#: What Grafana adds of its own.
_OWN: Final = frozenset({"id", "version", "iteration"})


class Fate(StrEnum):
    """What a push does with a dashboard or data source."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    KEPT = "kept, for a person has changed it"


@dataclass(frozen=True, slots=True)
class Found:
    """A dashboard as Grafana has it. digest: of what was pushed; None: a person changed it last."""

    board: Board
    version: int
    digest: str | None


def boards() -> dict[str, Board]:
    """The generated dashboards by uid."""
    files = sorted(GENERATED.glob("*.json"))
    return {path.stem: json.loads(path.read_text()) for path in files}


def digest_of(board: Board) -> str:
    return hashlib.blake2b(_plain(board).encode(), digest_size=8).hexdigest()


def decided(board: Board, found: Found | None, *, force: bool) -> Fate:
    if found is None:
        return Fate.CREATED
    if found.digest == digest_of(board):
        return Fate.UNCHANGED
    if found.digest is None and not force:
        return Fate.KEPT
    return Fate.UPDATED


def difference(board: Board, found: Found | None) -> Iterator[str]:
    """Lines from what Grafana has to what would be pushed."""
    before = [] if found is None else _plain(found.board).splitlines()
    name = str(board["uid"])
    return unified_diff(
        before, _plain(board).splitlines(), f"grafana/{name}", f"trackside/{name}", lineterm=""
    )


def _plain(board: Board) -> str:
    kept = {name: value for name, value in board.items() if name not in _OWN}
    return json.dumps(kept, sort_keys=True, indent=2)


class Grafana:
    """One Grafana. Raises Unavailable if it does not answer, ConfigError if it refuses."""

    def __init__(
        self, url: str, token: str, *, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._http = httpx.Client(
            base_url=url.rstrip("/"),
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def found(self, uid: str) -> Found | None:
        told = self._ask("GET", f"/api/dashboards/uid/{quote(uid, safe='')}", absent=True)
        if told is None:
            return None
        board = told["dashboard"]
        return Found(board, int(board["version"]), self._pushed(uid, int(board["version"])))

    def _pushed(self, uid: str, version: int) -> str | None:
        told = self._ask("GET", f"/api/dashboards/uid/{quote(uid, safe='')}/versions?limit=1")
        # A list in Grafana 10, in an object since 11.
        versions = told if isinstance(told, list) else told["versions"]
        for one in versions[:1]:
            if one["version"] == version and str(one["message"]).startswith(_MESSAGE):
                return str(one["message"]).removeprefix(_MESSAGE)
        return None

    def folder(self, uid: str, title: str) -> None:
        """It is there."""
        if self._ask("GET", f"/api/folders/{quote(uid, safe='')}", absent=True) is None:
            self._ask("POST", "/api/folders", {"uid": uid, "title": title})

    def save(self, board: Board, folder: str, found: Found | None, *, force: bool) -> None:
        """Raises ConfigError if somebody saved it meanwhile."""
        version = {} if found is None else {"version": found.version}
        self._ask(
            "POST",
            "/api/dashboards/db",
            {
                "dashboard": {**board, **version},
                "folderUid": folder,
                "overwrite": force,
                "message": _MESSAGE + digest_of(board),
            },
        )

    def source(self, uid: str) -> Mapping[str, Any] | None:
        """A data source; its secrets are not told."""
        found: Mapping[str, Any] | None = self._ask(
            "GET", f"/api/datasources/uid/{quote(uid, safe='')}", absent=True
        )
        return found

    def save_source(self, source: Mapping[str, Any], *, there: bool) -> None:
        """Makes one, or changes one that is there and of this version."""
        if there:
            self._ask("PUT", f"/api/datasources/uid/{quote(source['uid'], safe='')}", source)
        else:
            self._ask("POST", "/api/datasources", source)

    def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, absent: bool = False
    ) -> Any:
        """What it answers; None for 404 where something may be absent."""
        try:
            answer = self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise Unavailable(
                f"grafana: no answer from {self._http.base_url} ({type(error).__name__})"
            ) from None
        if absent and answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if answer.is_error:
            raise ConfigError(f"grafana: {method} {path} was answered {_why(answer, path)}")
        return answer.json()


def _why(answer: httpx.Response, path: str) -> str:
    role = "Admin" if path.startswith("/api/datasources") else "Editor"
    known = {
        401: "401: the token is not known there",
        403: f"403: the token may not do that; it needs the role {role}",
        409: "409: one of that name is there, or somebody saved it meanwhile",
        412: "412: somebody saved it meanwhile; look at it with diff, then push again",
    }
    return known.get(answer.status_code, f"{answer.status_code} {answer.reason_phrase}")


def push(grafana: Grafana, *, force: bool = False, only_look: bool = False) -> dict[str, Fate]:
    """What became of each dashboard, or would."""
    fates: dict[str, Fate] = {}
    folder_is_there = only_look
    for uid, board in boards().items():
        found = grafana.found(uid)
        fates[uid] = decided(board, found, force=force)
        if only_look or fates[uid] in {Fate.UNCHANGED, Fate.KEPT}:
            continue
        if not folder_is_there:
            grafana.folder(*FOLDER)
            folder_is_there = True
        grafana.save(board, FOLDER[0], found, force=force)
    return fates
