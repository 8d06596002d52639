"""A Cloud Storage that answers from memory: so much of its JSON API as finds objects.

Written after https://cloud.google.com/storage/docs/json_api/v1/objects; it refuses what is not in
there, and tells no more than so many objects at a time. Tokens it gives to one service account.
"""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final
from urllib.parse import parse_qs, quote, unquote

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.channels.server import FakeChannel, RefusalError, Reply, Request, only

TOKEN: Final = "ya29.right"
ACCOUNT: Final = "hub@project.iam.gserviceaccount.com"
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
PAGE: Final = 2
_OF_A_LIST: Final = {
    "alt", "delimiter", "endOffset", "fields", "includeFoldersAsPrefixes", "includeTrailingDelimiter",
    "matchGlob", "maxResults", "pageToken", "prefix", "prettyPrint", "projection", "softDeleted",
    "startOffset", "userProject", "versions",
}  # fmt: skip
_OF_AN_OBJECT: Final = {"alt", "fields", "generation", "prettyPrint", "projection", "userProject"}


class FakeGcs(FakeChannel):
    """One bucket. put: what a person uploads."""

    def __init__(self, bucket: str = "lake") -> None:
        super().__init__()
        self._bucket = bucket
        self._objects: dict[str, dict[str, Any]] = {}
        self._generations = count(1_790_000_000_000_000)

    def put(self, name: str, content: bytes) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        generation = str(next(self._generations))
        self._objects[name] = {
            "kind": "storage#object",
            "id": f"{self._bucket}/{name}/{generation}",
            "selfLink": f"{self.url}/storage/v1/b/{self._bucket}/o/{quote(name, safe='')}",
            "name": name,
            "bucket": self._bucket,
            "generation": generation,
            "metageneration": "1",
            "contentType": "application/octet-stream",
            "storageClass": "STANDARD",
            "size": str(len(content)),
            "md5Hash": hashlib.md5(content).hexdigest(),
            "etag": f"CJ{generation}EAE=",
            "timeCreated": now,
            "updated": now,
            "timeFinalized": now,
        }

    def account(self, email: str = ACCOUNT) -> str:
        """A key of a service account, as a person downloads it."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        told = {
            "type": "service_account",
            "project_id": "project",
            "private_key_id": "1",
            "private_key": key.decode(),
            "client_email": email,
            "token_uri": f"{self.url}/token",
        }
        return json.dumps(told)

    def answer(self, request: Request) -> Reply:
        if (request.method, request.path) == ("POST", "/token"):
            return _token(request)
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            raise _refusal(401, "required", "Anonymous caller does not have access.")
        match request.path.split("/"):
            case ["", "storage", "v1", "b", bucket, "o"] if request.method == "GET":
                self._known(bucket)
                only(request.query, need=set(), may=_OF_A_LIST, where="query")
                return Reply(200, self._list(request.query))
            case ["", "storage", "v1", "b", bucket, "o", name] if request.method == "GET":
                self._known(bucket)
                only(request.query, need=set(), may=_OF_AN_OBJECT, where="query")
                return Reply(200, self._object(unquote(name)))
        raise _refusal(404, "notFound", "Not Found")

    def _known(self, bucket: str) -> None:
        if bucket != self._bucket:
            raise _refusal(404, "notFound", "The specified bucket does not exist.")

    def _object(self, name: str) -> dict[str, Any]:
        if name not in self._objects:
            raise _refusal(404, "notFound", f"No such object: {self._bucket}/{name}")
        return self._objects[name]

    def _list(self, query: Any) -> dict[str, Any]:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        within = query.get("startOffset", ""), query.get("endOffset", "\U0010ffff")
        entries: dict[str, dict[str, Any] | None] = {}
        for name in sorted(self._objects):
            if name.startswith(prefix) and within[0] <= name < within[1]:
                head, found, _ = name[len(prefix) :].partition(delimiter or "\0")
                folder = f"{prefix}{head}{delimiter}"
                entries[folder if delimiter and found else name] = (
                    None if delimiter and found else self._objects[name]
                )
        return _page(entries, query)


def _token(request: Request) -> Reply:
    told = {name: one for name, (one,) in parse_qs(request.body.decode()).items()}
    claims = told["assertion"].split(".")[1]
    claimed = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    if told["grant_type"] != _GRANT or claimed["iss"] != ACCOUNT:
        raise RefusalError(400, {"error": "invalid_grant", "error_description": "not found"})
    return Reply(200, {"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"})


def _page(entries: dict[str, dict[str, Any] | None], query: Any) -> dict[str, Any]:
    size = min(PAGE, int(query.get("maxResults", 1000)))
    rest = [name for name in entries if name > query.get("pageToken", "")]
    told: dict[str, Any] = {"kind": "storage#objects"}
    some = rest[:size]
    if items := [entries[name] for name in some if entries[name] is not None]:
        told["items"] = items
    if prefixes := [name for name in some if entries[name] is None]:
        told["prefixes"] = prefixes
    if len(rest) > size:
        told["nextPageToken"] = some[-1]
    return told


def _refusal(code: int, reason: str, message: str) -> RefusalError:
    errors = [{"message": message, "domain": "global", "reason": reason}]
    return RefusalError(code, {"error": {"code": code, "message": message, "errors": errors}})
