"""A Grafana of nine endpoints that refuses what the real one refuses."""

from __future__ import annotations

import json
from typing import Any

import httpx

TOKEN = "glsa_right"


class FakeGrafana:
    """Folders, data sources, and dashboards with all their versions; `old`: answers versions as
    Grafana 10 does.
    """

    def __init__(self, *, old: bool = False) -> None:
        self.folders: dict[str, str] = {}
        self.versions: dict[str, list[dict[str, Any]]] = {}
        self.sources: dict[str, dict[str, Any]] = {}
        self.secrets: dict[str, dict[str, str]] = {}
        self.writes: list[str] = []
        self._old = old

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def edit(self, uid: str, **more: Any) -> None:
        """A person saves a dashboard."""
        latest = self.versions[uid][-1]
        self._keep(uid, latest["data"] | more, latest["folder"], message="")

    def board(self, uid: str) -> dict[str, Any]:
        found: dict[str, Any] = self.versions[uid][-1]["data"]
        return found

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return httpx.Response(401, json={"message": "Invalid API key"})
        body = json.loads(request.content) if request.content else None
        path = request.url.path
        if path.startswith("/api/datasources"):
            return self._of_sources(request.method, path, body)
        if request.method == "POST":
            self.writes.append(path)
            return {"/api/folders": self._make_folder, "/api/dashboards/db": self._save}[path](body)
        parts = path.removeprefix("/api/").split("/")
        if parts[0] == "folders":
            return self._folder(parts[1])
        assert parts[:2] == ["dashboards", "uid"], path
        return self._versions(parts[2]) if parts[3:] == ["versions"] else self._board(parts[2])

    def edit_source(self, uid: str, **more: Any) -> None:
        """A person saves a data source."""
        there = self.sources[uid]
        self.sources[uid] = {**there, **more, "version": there["version"] + 1}

    def _of_sources(self, method: str, path: str, body: Any) -> httpx.Response:
        uid = path.removeprefix("/api/datasources").removeprefix("/uid/")
        if method == "GET":
            found = self.sources.get(uid)
            if found is None:
                return httpx.Response(404, json={"message": "Data source not found"})
            return httpx.Response(200, json=found)
        self.writes.append(path)
        there = self.sources[uid] if method == "PUT" else None
        status = self._refusal(body, there)
        if status is not None:
            return httpx.Response(status, json={"message": "no"})
        return self._keep_source(body, 1 if there is None else there["version"] + 1)

    def _refusal(self, body: Any, there: dict[str, Any] | None) -> int | None:
        """The status, if it does not take it."""
        whole = body.get("name") and body.get("type") and body.get("access") in {"proxy", "direct"}
        if not whole or not isinstance(body.get("secureJsonData", {}), dict):
            return 400
        if there is None:
            taken = {one["name"] for one in self.sources.values()} | self.sources.keys()
            return 409 if {body["name"], body["uid"]} & taken else None
        if there["readOnly"]:
            return 403
        return 409 if body.get("version", there["version"]) != there["version"] else None

    def _keep_source(self, body: Any, version: int) -> httpx.Response:
        """Secrets that are not told stay, and none is ever answered."""
        uid = body["uid"]
        self.secrets[uid] = self.secrets.get(uid, {}) | body.get("secureJsonData", {})
        own = {"id": 3, "version": version, "readOnly": False, "isDefault": False}
        told = {name: value for name, value in body.items() if name != "secureJsonData"}
        known = dict.fromkeys(self.secrets[uid], True)
        self.sources[uid] = {**own, **told, "version": version, "secureJsonFields": known}
        return httpx.Response(200, json={"datasource": self.sources[uid]})

    def _folder(self, uid: str) -> httpx.Response:
        if uid not in self.folders:
            return httpx.Response(404, json={"message": "folder not found"})
        return httpx.Response(200, json={"uid": uid, "title": self.folders[uid]})

    def _make_folder(self, body: Any) -> httpx.Response:
        if body["uid"] in self.folders:
            return httpx.Response(409, json={"message": "a folder with the same name exists"})
        self.folders[body["uid"]] = body["title"]
        return httpx.Response(200, json=body)

    def _board(self, uid: str) -> httpx.Response:
        if uid not in self.versions:
            return httpx.Response(404, json={"message": "Dashboard not found"})
        latest = self.versions[uid][-1]
        number = {"id": 7, "version": latest["version"]}
        meta = {"folderUid": latest["folder"], "version": latest["version"]}
        return httpx.Response(200, json={"dashboard": latest["data"] | number, "meta": meta})

    def _versions(self, uid: str) -> httpx.Response:
        kept = [
            {"version": one["version"], "message": one["message"], "createdBy": "admin"}
            for one in reversed(self.versions[uid])
        ]
        return httpx.Response(200, json=kept if self._old else {"versions": kept})

    def _save(self, body: Any) -> httpx.Response:
        board, uid = body["dashboard"], body["dashboard"]["uid"]
        if body["folderUid"] not in self.folders:
            return httpx.Response(400, json={"message": "folder not found"})
        if not board.get("title"):
            return httpx.Response(400, json={"message": "Dashboard title cannot be empty"})
        there = self.versions.get(uid)
        if there and not body["overwrite"] and board.get("version") != there[-1]["version"]:
            status = {"status": "version-mismatch"}
            return httpx.Response(412, json=status)
        if there and {**board, "version": 0} == {**there[-1]["data"], "version": 0}:
            return httpx.Response(200, json={"status": "success", "version": there[-1]["version"]})
        self._keep(uid, board, body["folderUid"], message=body["message"])
        return httpx.Response(200, json={"status": "success", "uid": uid})

    def _keep(self, uid: str, board: dict[str, Any], folder: str, *, message: str) -> None:
        made = self.versions.setdefault(uid, [])
        data = {name: value for name, value in board.items() if name != "version"}
        made.append({"version": len(made) + 1, "data": data, "folder": folder, "message": message})
