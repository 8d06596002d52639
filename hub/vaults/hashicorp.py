"""Secrets in HashiCorp Vault or OpenBao: `vault:MOUNT/PATH#FIELD`, of a key-value engine of either version.

Over httpx, as all else here is asked, and not by Vault's own client: three requests are used of it,
and it would bring a second HTTP library into the hub.
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

import httpx

from hub.errors import ConfigError
from hub.vaults.kept import TIMEOUT_S, Away, Kept
from hub.vaults.login import Login


class Vault:
    """Asks with VAULT_ADDR, VAULT_NAMESPACE and VAULT_CACERT, as whom `login` tells."""

    def __init__(
        self,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._login = Login(self._post, clock)
        self._versions: dict[str, str] = {}  # of engines, by mount

    def read(self, name: str) -> str:
        """Raises Away, ConfigError."""
        path, _, field = name.partition("#")
        mount, _, rest = path.partition("/")
        if not (mount and rest and field) or ".." in path.split("/"):
            raise ConfigError("vault: expects MOUNT/PATH#FIELD, as in vault:secret/slack#token")
        _access()  # where it is comes before as whom one asks
        value = self._fields(name, mount, rest).get(field)
        if not isinstance(value, str):
            raise ConfigError(f"the secret vault:{name} has no text in the field {field!r}")
        return value

    def _fields(self, name: str, mount: str, rest: str) -> dict[str, Any]:
        is_first = self._version(mount) == "1"
        place = f"{quote(mount)}/{'' if is_first else 'data/'}{quote(rest)}"
        answer = self._get(place)
        if answer.status_code != httpx.codes.OK:
            raise ConfigError(f"the secret vault:{name} can't be read: {_why(answer.status_code)}")
        told = _told(answer).get("data")
        found = told if is_first or not isinstance(told, dict) else told.get("data")
        if not isinstance(found, dict):
            raise ConfigError(f"the secret vault:{name}: no answer of a key-value engine")
        return found

    def _version(self, mount: str) -> str:
        """Of the engine, as Vault itself tells whoever may read there; 2 where it does not."""
        if mount not in self._versions:
            answer = self._get(f"sys/internal/ui/mounts/{quote(mount)}")
            told = _told(answer).get("data") if answer.status_code == httpx.codes.OK else None
            if not isinstance(told, dict):
                return "2"
            self._versions[mount] = str((told.get("options") or {}).get("version", "1"))
        return self._versions[mount]

    def _get(self, path: str) -> httpx.Response:
        """With a token that was logged in for anew, if the one at hand is refused."""
        answer = self._ask("GET", path, {"X-Vault-Token": self._login.token()})
        if answer.status_code == httpx.codes.FORBIDDEN and self._login.forget():
            answer = self._ask("GET", path, {"X-Vault-Token": self._login.token()})
        return answer

    def _post(self, path: str, told: Mapping[str, str]) -> dict[str, Any]:
        answer = self._ask("POST", path, {}, told)
        if answer.status_code != httpx.codes.OK:
            raise ConfigError(f"vault: the login at {path} is refused ({answer.status_code})")
        return _told(answer)

    def _ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        told: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        url, more = _access()
        try:
            with httpx.Client(
                transport=self._transport, timeout=TIMEOUT_S, verify=_trusted()
            ) as client:
                answer = client.request(
                    method, f"{url}/v1/{path}", headers={**more, **headers}, json=told
                )
        except httpx.HTTPError as error:
            raise Away(f"Vault can't be reached ({type(error).__name__})") from None
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error:
            raise Away(f"Vault answers {answer.status_code}")
        return answer


def _told(answer: httpx.Response) -> dict[str, Any]:
    """Nothing, where it is no object."""
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _why(status: int) -> str:
    known = {403: "the token may not (403)", 404: "it is not there (404)"}
    return known.get(status, f"Vault answers {status}")


def _access() -> tuple[str, dict[str, str]]:
    url, namespace = os.environ.get("VAULT_ADDR", ""), os.environ.get("VAULT_NAMESPACE")
    if not url.startswith(("http://", "https://")):
        raise ConfigError(
            "vault: references need the variable VAULT_ADDR, as in https://vault:8200"
        )
    return url.rstrip("/"), {"X-Vault-Namespace": namespace} if namespace else {}


def _trusted() -> ssl.SSLContext | bool:
    """Whose certificates: those of VAULT_CACERT, as Vault's own tools have it, or the usual ones."""
    path = os.environ.get("VAULT_CACERT")
    if not path:
        return True
    try:
        return ssl.create_default_context(cafile=path)
    except OSError:
        raise ConfigError("vault: the file of VAULT_CACERT can't be read, or holds none") from None


def resolver(
    transport: httpx.BaseTransport | None = None, clock: Callable[[], float] = time.monotonic
) -> Kept:
    return Kept("vault", Vault(transport, clock).read, clock)


resolve: Final = resolver()
