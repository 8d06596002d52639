"""Where a Flyte is, and how it is spoken to."""

from __future__ import annotations

import re
from typing import Final, Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from adapters.base.connection import web_address
from hub.ports import AdapterConfig, SecretRef

_PLACE: Final = re.compile(r"[^/\s]+/[^/\s]+")


class Config(AdapterConfig):
    """One Flyte, and of it some projects and domains."""

    url: str = Field(description="where Flyte's admin service answers: https://flyte.example.org")
    projects: list[str] = Field(
        min_length=1, description="what to look at: project/domain, as in [flytesnacks/production]"
    )
    client_id: str | None = Field(None, description="of an OAuth client that may read executions")
    client_secret: SecretRef | None = Field(
        None, description="of that client, as env:NAME or file:/path"
    )
    scopes: str = Field("all", description="that the client asks for, with blanks between")
    token: SecretRef | None = Field(None, description="a bearer token instead")
    console_url: str | None = Field(
        None, description="where people open Flyte's console, if it is not at the url"
    )
    timezone: str = Field("UTC", description="in which crons are read: that of Flyte's scheduler")
    headers: dict[str, SecretRef] = Field(
        default_factory=dict, description="further headers, for a proxy in front of the server"
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
            example="https://flyte.example.org",
            credentials="client_secret, as a reference to a secret",
        )
        return found.removesuffix("/api/v1")

    @field_validator("projects")
    @classmethod
    def _places(cls, projects: list[str]) -> list[str]:
        for one in projects:
            if not _PLACE.fullmatch(one):
                raise ValueError(f"expected project/domain, not {one!r}")
        return list(dict.fromkeys(projects))

    @field_validator("timezone")
    @classmethod
    def _zone(cls, name: str) -> str:
        try:
            return ZoneInfo(name).key
        except (ValueError, LookupError, OSError):
            raise ValueError("expected a time zone such as Europe/Zurich") from None

    @model_validator(mode="after")
    def _one_way_to_log_in(self) -> Self:
        if (self.client_id is None) != (self.client_secret is None):
            raise ValueError("client_id and client_secret are given together or not at all")
        if self.client_id is not None and self.token is not None:
            raise ValueError("give either client_id and client_secret, or token")
        return self

    @property
    def console(self) -> str:
        return (self.console_url or f"{self.url}/console").rstrip("/")
