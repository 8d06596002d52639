"""Signing in with an OpenID provider: the code flow with PKCE, state and nonce.

What speaks the protocol is imported where it is used: most hubs have no provider, and all start.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

import httpx
from fastapi import Request
from msgspec import Struct
from starlette.responses import RedirectResponse, Response

from hub.api.guard import SESSION_COOKIE, kept_in
from hub.api.hub import Hub as RunningHub
from hub.api.params import Hub
from hub.errors import NotFound, Unauthorized, Unavailable
from hub.people import claims_of
from hub.secrets import SecretRef
from hub.settings.sign_in import Oidc
from hub.web.site import hub_url, ours, page, pages

if TYPE_CHECKING:
    from authlib.integrations.httpx_client import OAuth2Client
    from joserfc.jwt import JWTClaimsRegistry

router: Final = pages()

#: What a browser keeps while it is with the provider, and for how long.
WAY: Final = "trackside_way"
_PURPOSE: Final = "way"
_LASTS: Final = timedelta(minutes=10)
_TIMEOUT_S: Final = 10.0
#: With which a provider may sign: none of them is a secret that both have, or no signature at all.
_ALGORITHMS: Final = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]
_LEEWAY_S: Final = 60


class Provider(Struct, frozen=True):
    """Where a provider is asked, as it says itself."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


@router.get("/sign-in-oidc")
def begin(request: Request, hub: Hub, next: str = ".") -> Response:  # noqa: A002
    """Sends the browser to the provider."""
    settings = _settings(hub)
    told = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
    with _client(settings, request) as client:
        address, _ = client.create_authorization_url(
            _provider(settings).authorization_endpoint,
            state=told["state"],
            nonce=told["nonce"],
            code_verifier=told["verifier"],
        )
    assert hub.people.signer is not None
    way = hub.people.signer.sign(_PURPOSE, told | {"next": ours(next)}, datetime.now(UTC) + _LASTS)
    answer = RedirectResponse(address, 303, headers={"cache-control": "no-store"})
    # Lax, for the provider sends the browser back to us.
    _keep(answer, request, WAY, way, "lax", round(_LASTS.total_seconds()))
    return answer


@router.get("/signed-in")
def end(request: Request, hub: Hub, state: str = "", code: str = "", error: str = "") -> Response:
    """Takes the code that the provider gave the browser."""
    settings, now = _settings(hub), datetime.now(UTC)
    assert hub.people.signer is not None
    cookie = kept_in(request.headers.get("cookie", "").encode(), WAY.encode()).decode("latin-1")
    way = hub.people.signer.read(_PURPOSE, cookie, now)
    if way is None or not secrets.compare_digest(way["state"].encode(), state.encode()):
        raise Unauthorized("this sign-in was not begun here, or took too long; sign in again")
    if error or not code:
        raise Unauthorized(f"the provider let nobody in: {error[:100] or 'it gave no code'}")
    claims = _identity(settings, request, code, way)
    name, groups = claims_of(hub.people.settings, claims)
    if not hub.people.principal(name, groups).scopes:
        raise Unauthorized(f"{name!r} is of no group that may do anything here (sign_in.groups)")
    # A page and no redirect: a strict cookie is not sent on the way back from elsewhere.
    answer = page(request, "signed_in.html", next=way["next"], name=name)
    session = hub.people.session(name, groups, now)
    lasts = round(hub.people.settings.hours * 3600)
    _keep(answer, request, SESSION_COOKIE.decode(), session, "strict", lasts)
    answer.delete_cookie(WAY)
    return answer


def _identity(settings: Oidc, request: Request, code: str, way: dict[str, Any]) -> dict[str, Any]:
    """The claims of the identity token, checked. What goes wrong is told without the token."""
    from authlib.common.errors import AuthlibBaseError
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    provider = _provider(settings)
    try:
        with _client(settings, request) as client:
            told = client.fetch_token(
                provider.token_endpoint, code=code, code_verifier=way["verifier"]
            )
        keys = KeySet.import_key_set(cast("Any", _asked(provider.jwks_uri)))
        token = jwt.decode(told["id_token"], keys, algorithms=_ALGORITHMS)
        _registry(settings, way["nonce"]).validate(token.claims)
        return dict(token.claims)
    except (AuthlibBaseError, JoseError, KeyError, ValueError, httpx.HTTPError) as error:
        what = type(error).__name__
        raise Unauthorized(f"what the provider said can't be believed ({what})") from None


def _registry(settings: Oidc, nonce: str) -> JWTClaimsRegistry:
    from joserfc.jwt import JWTClaimsRegistry

    return JWTClaimsRegistry(
        leeway=_LEEWAY_S,
        iss={"essential": True, "value": settings.issuer},
        aud={"essential": True, "value": settings.client_id},
        nonce={"essential": True, "value": nonce},
        exp={"essential": True},
        sub={"essential": True},
    )


def _settings(hub: RunningHub) -> Oidc:
    found = hub.people.settings.oidc
    if found is None:
        raise NotFound("nobody has set up an OpenID provider (sign_in.oidc in trackside.yaml)")
    return found


def _provider(settings: Oidc) -> Provider:
    told = _asked(settings.issuer.rstrip("/") + "/.well-known/openid-configuration")
    try:
        found = Provider(*(str(told[name]) for name in Provider.__struct_fields__))
    except KeyError as error:
        raise Unavailable(f"the OpenID provider does not tell its {error}") from None
    if found.issuer != settings.issuer:
        raise Unavailable(f"the OpenID provider calls itself {found.issuer}, not {settings.issuer}")
    return found


def _asked(address: str) -> dict[str, Any]:
    try:
        answer = httpx.get(address, timeout=_TIMEOUT_S).raise_for_status()
        told: dict[str, Any] = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        what = type(error).__name__
        raise Unavailable(f"the OpenID provider did not answer ({what})") from None
    return told


def _client(settings: Oidc, request: Request) -> OAuth2Client:
    from authlib.integrations.httpx_client import OAuth2Client

    secret = settings.client_secret
    return OAuth2Client(
        settings.client_id,
        None if secret is None else SecretRef.parse(secret).resolve().reveal(),
        scope=" ".join(settings.scopes),
        redirect_uri=f"{hub_url(request)}/signed-in",
        code_challenge_method="S256",
        timeout=_TIMEOUT_S,
    )


def _keep(
    answer: Response, request: Request, name: str, value: str, same_site: Any, lasts_s: int
) -> None:
    secure = hub_url(request).startswith("https://")
    answer.set_cookie(
        name, value, max_age=lasts_s, httponly=True, samesite=same_site, secure=secure
    )
