"""Where a Metaflow metadata service is, and what of it is looked at."""

from __future__ import annotations

from pydantic import Field, field_validator

from adapters.base.connection import web_address
from hub.ports import AdapterConfig, SecretRef


class Config(AdapterConfig):
    """One metadata service, which flows write to that have METAFLOW_DEFAULT_METADATA=service."""

    url: str = Field(description="METAFLOW_SERVICE_URL, as in https://metaflow.example.org")
    auth_key: SecretRef | None = Field(
        None, description="METAFLOW_SERVICE_AUTH_KEY, as env:NAME or file:/path"
    )
    headers: dict[str, SecretRef] = Field(
        default_factory=dict, description="further headers, for a proxy in front of the service"
    )
    verify: bool = Field(default=True, description="check the service's certificate")
    flows: list[str] = Field(
        default_factory=lambda: ["*"], description="names or patterns of the flows to look at"
    )
    tags: list[str] = Field(
        default_factory=list,
        description="only runs that have all of these, user's or system's: project_branch:prod",
    )
    artifacts: list[str] = Field(
        default_factory=list,
        description="names or patterns, as in Train/model, of artifacts to see as datasets",
    )
    silent_after_s: float = Field(
        120, ge=60, description="seconds without a heartbeat after which a run is over"
    )
    idle_after_s: float = Field(
        1800,
        ge=60,
        description="seconds in which nothing of a run is heard, of those without a heartbeat of "
        "their own, as schedulers start them, after which it is over",
    )
    history_days: float = Field(
        30, gt=0, le=3650, description="how far back runs are read when it is first connected"
    )

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        return web_address(
            url,
            example="https://metaflow.example.org",
            credentials="auth_key or headers, as references to secrets",
        )
