"""Secrets in Google Secret Manager: `gcp-sm:PROJECT/SECRET`, with `#FIELD` of one that is JSON.

`PROJECT/SECRET/VERSION` is one version, else the latest. Asked over REST; credentials are Google's
application default ones (a file, workload identity, the machine's metadata server); needs the extra
secrets-gcp.
"""

from __future__ import annotations

import base64
import binascii
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import httpx

from hub.errors import ConfigError
from hub.vaults.kept import TIMEOUT_S, Away, Kept, field_of

URL: Final = "https://secretmanager.googleapis.com/v1"
SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_WHY: Final = {
    401: "the credentials are not taken (401)",
    403: "the account may not read it: it needs Secret Manager Secret Accessor (403)",
    404: "it is not there (404)",
    400: "this version is disabled or destroyed, or the name is wrong (400)",
}


@dataclass(frozen=True, slots=True)
class _Answer:
    """As google-auth wants one."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class Secrets:
    """Reads secrets. transport: for tests."""

    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        self._transport = transport
        self._credentials: Any = None
        self._lock = threading.Lock()

    def read(self, name: str) -> str:
        """Raises Away, ConfigError."""
        path, _, field = name.partition("#")
        project, secret, version = _parts(path)
        if name.endswith("#") or not (project and secret and version):
            raise ConfigError(
                "gcp-sm: expects PROJECT/SECRET#FIELD, as in gcp-sm:shop-prod/slack#token; "
                "VERSION and FIELD may be left out"
            )
        place = f"projects/{quote(project)}/secrets/{quote(secret)}/versions/{quote(version)}"
        return field_of(self._payload(name, place), field, f"gcp-sm:{name}")

    def _payload(self, name: str, place: str) -> str:
        headers = {"Authorization": f"Bearer {self._token()}"}
        try:
            answer = self._asked("GET", f"{URL}/{place}:access", headers=headers)
        except httpx.HTTPError as error:
            raise Away(f"Google can't be reached ({type(error).__name__})") from None
        if answer.status_code == 429 or answer.status_code >= 500:
            raise Away(f"Google answers {answer.status_code}")
        if answer.status_code != 200:
            why = _WHY.get(answer.status_code, f"Google answers {answer.status_code}")
            raise ConfigError(f"the secret gcp-sm:{name} can't be read: {why}")
        try:
            return base64.b64decode(answer.json()["payload"]["data"], validate=True).decode()
        except (ValueError, KeyError, TypeError, binascii.Error):
            raise ConfigError(f"the secret gcp-sm:{name} is binary, and text is needed") from None

    def _token(self) -> str:
        try:
            import google.auth
            from google.auth import exceptions as known
        except ImportError:
            raise ConfigError(
                "gcp-sm: references need the extra secrets-gcp: "
                "pip install 'trackside[secrets-gcp]'"
            ) from None
        with self._lock:
            try:
                if self._credentials is None:
                    asks: Any = self._request
                    self._credentials = google.auth.default(scopes=[SCOPE], request=asks)[0]
                if not self._credentials.valid:
                    self._credentials.refresh(self._request)
            except known.DefaultCredentialsError:
                raise ConfigError(
                    "gcp-sm: references need Google's application default credentials, "
                    "and none were found"
                ) from None
            except known.GoogleAuthError as error:
                raise Away(f"Google gives no token ({type(error).__name__})") from None
            return str(self._credentials.token)

    def _request(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> _Answer:
        """How google-auth asks: over our client, so that it needs no other."""
        from google.auth.exceptions import TransportError

        try:
            answer = self._asked(method, url, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise TransportError(type(error).__name__) from None  # type: ignore[no-untyped-call]
        return _Answer(answer.status_code, answer.headers, answer.content)

    def _asked(self, method: str, url: str, **more: Any) -> httpx.Response:
        with httpx.Client(transport=self._transport, timeout=TIMEOUT_S) as client:
            return client.request(method, url, **more)


def _parts(path: str) -> tuple[str, str, str]:
    """Project, secret, version; empty ones where the path is none."""
    match path.split("/"):
        case [project, secret]:
            return project, secret, "latest"
        case [project, secret, version]:
            return project, secret, version
        case _:
            return "", "", ""


def resolver(
    transport: httpx.BaseTransport | None = None, clock: Callable[[], float] = time.monotonic
) -> Kept:
    return Kept("gcp-sm", Secrets(transport).read, clock)


resolve: Final = resolver()
