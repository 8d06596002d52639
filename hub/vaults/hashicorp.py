"""Secrets in HashiCorp Vault or OpenBao: `vault:MOUNT/PATH#FIELD`, of a key-value engine, version 2."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx

from hub.errors import ConfigError
from hub.vaults.kept import TIMEOUT_S, Away, Kept


class Vault:
    """Asks with VAULT_ADDR, VAULT_TOKEN or VAULT_TOKEN_FILE, and VAULT_NAMESPACE."""

    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        self._transport = transport

    def read(self, name: str) -> str:
        """Raises Away, ConfigError."""
        path, _, field = name.partition("#")
        mount, _, rest = path.partition("/")
        if not (mount and rest and field) or ".." in path.split("/"):
            raise ConfigError("vault: expects MOUNT/PATH#FIELD, as in vault:secret/slack#token")
        value = self._fields(name, f"{quote(mount)}/data/{quote(rest)}").get(field)
        if not isinstance(value, str):
            raise ConfigError(f"the secret vault:{name} has no text in the field {field!r}")
        return value

    def _fields(self, name: str, path: str) -> dict[str, Any]:
        url, headers = _access()
        try:
            with httpx.Client(transport=self._transport, timeout=TIMEOUT_S) as client:
                answer = client.get(f"{url}/v1/{path}", headers=headers)
        except httpx.HTTPError as error:
            raise Away(f"Vault can't be reached ({type(error).__name__})") from None
        if answer.status_code == 429 or answer.status_code >= 500:
            raise Away(f"Vault answers {answer.status_code}")
        if answer.status_code != 200:
            raise ConfigError(f"the secret vault:{name} can't be read: {_why(answer.status_code)}")
        try:
            found = answer.json()["data"]["data"]
        except (ValueError, KeyError, TypeError):
            found = None
        if not isinstance(found, dict):
            raise ConfigError(
                f"the secret vault:{name}: no answer of a key-value engine, version 2"
            )
        return found


def _why(status: int) -> str:
    known = {403: "the token may not (403)", 404: "it is not there (404)"}
    return known.get(status, f"Vault answers {status}")


def _access() -> tuple[str, dict[str, str]]:
    url, namespace = os.environ.get("VAULT_ADDR", ""), os.environ.get("VAULT_NAMESPACE")
    if not url.startswith(("http://", "https://")):
        raise ConfigError(
            "vault: references need the variable VAULT_ADDR, as in https://vault:8200"
        )
    headers = {"X-Vault-Token": _token()}
    return url.rstrip("/"), headers | ({"X-Vault-Namespace": namespace} if namespace else {})


def _token() -> str:
    if token := os.environ.get("VAULT_TOKEN"):
        return token
    try:
        return Path(os.environ["VAULT_TOKEN_FILE"]).read_text(encoding="utf-8").strip()
    except KeyError:
        raise ConfigError("vault: references need VAULT_TOKEN or VAULT_TOKEN_FILE") from None
    except (OSError, UnicodeDecodeError):
        raise ConfigError("vault: the file that VAULT_TOKEN_FILE names can't be read") from None


def resolver(
    transport: httpx.BaseTransport | None = None, clock: Callable[[], float] = time.monotonic
) -> Kept:
    return Kept("vault", Vault(transport).read, clock)


resolve: Final = resolver()
