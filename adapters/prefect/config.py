"""Where a Prefect is, and how it is spoken to."""

from __future__ import annotations

import re
from typing import Final, Self

import httpx
from pydantic import Field, field_validator, model_validator

from adapters.base.connection import web_address
from hub.ports import AdapterConfig, SecretRef

_CLOUD: Final = re.compile(
    r"https://api\.prefect\.cloud/api/accounts/(?P<account>[^/]+)/workspaces/(?P<workspace>[^/]+)"
)


class Config(AdapterConfig):
    """One Prefect server, or one workspace of Prefect Cloud."""

    url: str = Field(
        description="PREFECT_API_URL, as in https://prefect.example.org/api; on Prefect Cloud with "
        "account and workspace"
    )
    api_key: SecretRef | None = Field(None, description="API key of Prefect Cloud")
    auth: SecretRef | None = Field(
        None, description="user:password of a server that has PREFECT_SERVER_API_AUTH_STRING"
    )
    headers: dict[str, SecretRef] = Field(
        default_factory=dict, description="further headers, for a proxy in front of the server"
    )
    ui_url: str | None = Field(
        None, description="where people open Prefect, if it is not the address of the API"
    )
    verify: bool = Field(default=True, description="check the server's certificate")
    history_days: float = Field(
        30, gt=0, le=3650, description="how far back runs are read when it is first connected"
    )

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        found = web_address(
            url,
            example="https://prefect.example.org/api",
            credentials="api_key or auth, as references to secrets",
        )
        return found if "/api" in httpx.URL(found).path else f"{found}/api"

    @model_validator(mode="after")
    def _one_way_to_log_in(self) -> Self:
        if self.api_key is not None and self.auth is not None:
            raise ValueError("give either api_key (Prefect Cloud) or auth (a server of your own)")
        return self

    @property
    def page(self) -> str:
        """Where people look at Prefect."""
        if self.ui_url is not None:
            return self.ui_url.rstrip("/")
        if cloud := _CLOUD.match(self.url):
            account, workspace = cloud["account"], cloud["workspace"]
            return f"https://app.prefect.cloud/account/{account}/workspace/{workspace}"
        return self.url.removesuffix("/api")
