"""What is to be known of an Airflow to speak with it."""

from __future__ import annotations

from typing import Self

from pydantic import Field, field_validator, model_validator

from adapters.base.connection import web_address
from hub.ports import AdapterConfig, SecretRef


class Config(AdapterConfig):
    """One Airflow, 3.x or 2.x; which of them is asked of the server.

    Who we are is told by exactly one of: username and password (Airflow's own login), a bearer
    token, headers (a managed service), or nothing (SimpleAuthManager with all admins).
    """

    url: str = Field(description="address of the API server, as people open Airflow in a browser")
    username: str | None = Field(None, description="a user with the role Viewer (User to launch)")
    password: SecretRef | None = Field(None, description="of that user, as env:NAME or file:/path")
    token: SecretRef | None = Field(None, description="a bearer token instead, sent as it is")
    headers: dict[str, SecretRef] = Field(
        default_factory=dict, description="headers that a managed service wants"
    )
    verify: bool = Field(default=True, description="check the server's certificate")
    history_days: float = Field(
        30, gt=0, le=3650, description="how far back the first read goes, by last change"
    )

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        found = web_address(
            url,
            example="https://airflow.example.com",
            credentials="username and password, or token, as references to secrets",
        )
        return found.removesuffix("/api/v2").removesuffix("/api/v1")

    @model_validator(mode="after")
    def _one_way_to_log_in(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password are given together or not at all")
        if self.username is not None and self.token is not None:
            raise ValueError("give either username and password, or token")
        return self
