"""Where a Flink is, and how it is spoken to."""

from __future__ import annotations

import httpx
from pydantic import Field, field_validator

from hub.ports import AdapterConfig, SecretRef


class Config(AdapterConfig):
    """One Flink cluster: a session, or an application."""

    url: str = Field(
        description="where its JobManager answers, as in http://flink.example.org:8081"
    )
    token: SecretRef | None = Field(
        None, description="bearer token for a proxy in front of it: Flink itself asks for none"
    )
    headers: dict[str, SecretRef] = Field(
        default_factory=dict, description="further headers, for a proxy in front of it"
    )
    verify: bool = Field(default=True, description="check the server's certificate")

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise ValueError(f"expected a web address: {error}") from None
        if parsed.scheme not in {"http", "https"} or not parsed.host:
            raise ValueError("expected an address such as http://flink.example.org:8081")
        if parsed.userinfo:
            raise ValueError("put credentials into token or headers, as references to secrets")
        return url.rstrip("/").removesuffix("/v1")
