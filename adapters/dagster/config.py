"""Where a Dagster is, and how it is spoken to."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, field_validator

from adapters.base.connection import web_address
from hub.ports import AdapterConfig, SecretRef

#: Headers that would be ours to set, or would break the connection.
_OURS: Final = frozenset({"content-length", "content-type", "host", "transfer-encoding"})


class DagsterConfig(AdapterConfig):
    """Settings of a Dagster or Dagster+ deployment."""

    url: str = Field(
        description="of the web page, with its path prefix; on Dagster+ with the deployment, "
        "as in https://acme.dagster.cloud/prod"
    )
    token: SecretRef | None = Field(
        None, description="user token of Dagster+, sent as Dagster-Cloud-Api-Token"
    )
    headers: dict[str, SecretRef] = Field(
        default={}, description="further headers, for a proxy in front of an open source Dagster"
    )
    verify: bool = Field(default=True, description="check the server's certificate")
    launch: Literal["api", "pull"] = Field(
        "api",
        description="who begins: the hub over GraphQL, or a sensor of yours that fetches launches "
        "(examples/dagster/trackside_launcher.py)",
    )
    history_days: float = Field(
        30, gt=0, le=3650, description="how far back runs are read when it is first connected"
    )

    @property
    def pulls(self) -> bool:
        return self.launch == "pull"

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        found = web_address(
            url,
            example="https://dagster.example.org",
            credentials="token or headers, as references to secrets",
        )
        return found.removesuffix("/graphql").rstrip("/")

    @field_validator("headers")
    @classmethod
    def _headers(cls, headers: dict[str, SecretRef]) -> dict[str, SecretRef]:
        if wrong := sorted(name for name in headers if name.lower() in _OURS):
            raise ValueError(f"the header {wrong[0]} is set by the hub itself")
        return headers
