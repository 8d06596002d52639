"""How the hub shows Vault who it is: a token that is given, or one that it logs in for.

A token is VAULT_TOKEN or stands in VAULT_TOKEN_FILE. With VAULT_ROLE_ID it logs in as an AppRole, with
VAULT_SECRET_ID or VAULT_SECRET_ID_FILE; with VAULT_ROLE by the token of its Kubernetes service account,
which VAULT_JWT_FILE may name. VAULT_AUTH_MOUNT says where that method is mounted, if not at its usual
place.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from hub.errors import ConfigError

SERVICE_ACCOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount/token"
#: Of its time a token is used so much.
_USED: Final = 2 / 3

Post = Callable[[str, Mapping[str, str]], dict[str, Any]]
"""Sends a body to a path of Vault's API. Raises Away, ConfigError."""


class Login:
    """Gives the token; logs in when there is none, or its time is over."""

    def __init__(self, post: Post, clock: Callable[[], float]) -> None:
        self._post = post
        self._clock = clock
        self._token: str | None = None
        self._until = 0.0

    def token(self) -> str:
        """Raises Away, ConfigError."""
        given = _given()
        if given is not None:
            return given
        if self._token is None or self._clock() >= self._until:
            self._token, lasts_s = self._log_in()
            self._until = self._clock() + lasts_s * _USED
        return self._token

    def forget(self) -> bool:
        """The token is refused; whether another one can be had."""
        had, self._token = self._token is not None, None
        return had

    def _log_in(self) -> tuple[str, float]:
        method, told = _who()
        mount = os.environ.get("VAULT_AUTH_MOUNT", method).strip("/")
        answer = self._post(f"auth/{quote(mount)}/login", told).get("auth")
        if not isinstance(answer, dict) or not isinstance(answer.get("client_token"), str):
            raise ConfigError(f"vault: the login at {mount} was answered without a token")
        return answer["client_token"], float(answer.get("lease_duration") or 0)


def _given() -> str | None:
    return _secret("VAULT_TOKEN")


def _who() -> tuple[str, dict[str, str]]:
    """The method, and what it wants to be told."""
    if role := os.environ.get("VAULT_ROLE_ID"):
        secret = _secret("VAULT_SECRET_ID")
        return "approle", {"role_id": role} | ({} if secret is None else {"secret_id": secret})
    if role := os.environ.get("VAULT_ROLE"):
        jwt = _read("VAULT_JWT_FILE", os.environ.get("VAULT_JWT_FILE", SERVICE_ACCOUNT))
        return "kubernetes", {"role": role, "jwt": jwt}
    raise ConfigError(
        "vault: references need VAULT_TOKEN, VAULT_TOKEN_FILE, VAULT_ROLE_ID (AppRole) or "
        "VAULT_ROLE (Kubernetes)"
    )


def _secret(name: str) -> str | None:
    """A variable, or what stands in the file that the one with _FILE names."""
    if told := os.environ.get(name):
        return told
    path = os.environ.get(f"{name}_FILE")
    return None if path is None else _read(f"{name}_FILE", path)


def _read(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"vault: the file of {name} can't be read") from None
