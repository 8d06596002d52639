"""How people sign in besides with a token: OpenID Connect, or a proxy that vouches for them."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, Field, model_validator

from hub.settings.types import SECTION, HeaderName, Networks, Reference, Words


class _Section(BaseModel):
    model_config = SECTION


class Oidc(_Section):
    """An OpenID provider; the code flow with PKCE."""

    issuer: str = Field(pattern=r"^https?://[^/]+", description="as the provider calls itself")
    client_id: str = Field(min_length=1)
    client_secret: Reference | None = Field(None, description="a reference")
    scopes: Words = Field(default=["openid", "profile", "email"], description="asked for")
    name_claim: str = Field("email", description="whose value is what a person is called here")
    groups_claim: str = "groups"


class Proxy(_Section):
    """A reverse proxy that has people sign in and tells in a header who asks."""

    addresses: Networks = Field(min_length=1, description="from which alone it is believed")
    header: HeaderName = "X-Forwarded-User"
    groups_header: HeaderName = "X-Forwarded-Groups"


class Group(_Section):
    """What the members of a group may; * stands for everybody who is signed in."""

    group: str = Field(min_length=1, max_length=512)
    teams: Words = []
    scopes: list[Literal["read", "operate", "trigger", "admin"]] = ["read"]
    namespaces: Words = Field(default=[], description="that they may write; * is any text")


class SignIn(_Section):
    """signing_key: at least 32 characters; sessions and sharing links are signed with it."""

    signing_key: Reference | None = Field(None, description="a reference")
    hours: float = Field(12, gt=0, le=24 * 31, description="for which a session holds")
    oidc: Oidc | None = None
    proxy: Proxy | None = None
    groups: list[Group] = []

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        if self.oidc is not None and self.signing_key is None:
            raise ValueError("oidc needs signing_key: sessions are signed with it")
        if (self.oidc or self.proxy) and not self.groups:
            raise ValueError("needs groups: without any nobody who signs in may do anything")
        return self
