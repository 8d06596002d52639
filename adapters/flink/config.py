"""Where a Flink is, and how it is spoken to."""

from __future__ import annotations

from pydantic import Field, field_validator

from adapters.base.connection import web_address
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
        found = web_address(
            url,
            example="http://flink.example.org:8081",
            credentials="token or headers, as references to secrets",
        )
        return found.removesuffix("/v1")
