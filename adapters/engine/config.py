"""What is to be known of an engine to launch its jobs."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from adapters.engine.template import check
from hub.ports import AdapterConfig, SecretRef


class EngineConfig(AdapterConfig):
    """How its jobs are launched.

    `webhook` posts a signed request; `http` sends what the templates say; with `pull` the engine
    fetches its launches itself.
    """

    polled: ClassVar[bool] = False

    launch: Literal["webhook", "http", "pull"] = Field(
        "webhook",
        description="who begins: the hub by a signed webhook or by plain HTTP, or the "
        "engine by a pull",
    )
    url: str | None = Field(
        None, description="where to; with http it may hold {{job}} and the like"
    )
    secrets: list[SecretRef] = Field(
        default=[],
        description="to sign webhooks with: whsec_ and 24 to 64 bytes as base64; each signs",
    )
    method: Literal["POST", "PUT", "PATCH", "GET"] = Field("POST", description="with http")
    body: Any = Field(
        None, description="with http: JSON, in whose texts {{job}} and the like stand"
    )
    headers: dict[str, SecretRef] = Field(default={}, description="further headers")
    verify: bool = Field(default=True, description="check the engine's certificate")
    timeout_s: float = Field(20, ge=1, le=60, description="for an answer")

    @property
    def pulls(self) -> bool:
        return self.launch == "pull"

    @field_validator("url")
    @classmethod
    def _address(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("expected an address like https://engine.example.com/launch")
        if "{" in parts.netloc:
            raise ValueError("a placeholder may not choose the host")
        if parts.username or parts.password:
            raise ValueError("put credentials into headers, as references to secrets")
        return url

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.pulls:
            return self
        if self.url is None:
            raise ValueError(f"url is needed to launch by {self.launch}")
        if self.launch == "webhook" and not self.secrets:
            raise ValueError("secrets are needed to sign webhooks")
        if self.launch == "http":
            check(self.url, "url")
            check(self.body, "body")
        elif self.body is not None:
            raise ValueError("a body of one's own needs launch: http")
        return self
