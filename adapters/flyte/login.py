"""A token for an OAuth client, as Flyte says where to get one."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import urlencode

import httpx

from adapters.base import Headers, Http
from adapters.flyte.config import Config
from hub.errors import Unavailable

METADATA = "/.well-known/oauth-authorization-server"
_FORM = "application/x-www-form-urlencoded"


def token_of(http: Http, config: Config, transport: httpx.BaseTransport | None) -> str:
    """Of the client of the configuration. The secret goes only where the admin service says."""
    assert config.client_id is not None
    assert config.client_secret is not None
    told = http.ask("GET", METADATA, authorized=False)
    endpoint = told.data.get("token_endpoint") if isinstance(told.data, dict) else None
    if not told.ok or not isinstance(endpoint, str) or not endpoint.startswith("http"):
        raise http.failure(
            told, METADATA, "it does not tell a token_endpoint: give `token` instead"
        )
    secret = config.client_secret.resolve().reveal()
    proof = b64encode(f"{config.client_id}:{secret}".encode()).decode()
    headers: Headers = {"Authorization": f"Basic {proof}", "Content-Type": _FORM}
    form = urlencode({"grant_type": "client_credentials", "scope": config.scopes}).encode()
    with Http(endpoint, verify=config.verify, transport=transport) as server:
        answer = server.ask(
            "POST", "", content=form, headers=headers, repeat=True, authorized=False
        )
        token = answer.data.get("access_token") if isinstance(answer.data, dict) else None
        if not answer.ok:
            raise server.failure(answer, "", "check `client_id`, `client_secret` and `scopes`")
    if not isinstance(token, str):
        raise Unavailable(f"{server.url} gave no access_token", permanent=True)
    return token
