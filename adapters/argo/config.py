"""Where an Argo server is, and how it is spoken to."""

from __future__ import annotations

import re
from typing import Final
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from adapters.base.connection import web_address
from hub.ports import AdapterConfig, SecretRef

_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


class Config(AdapterConfig):
    """One Argo server (argo-server), with its live and its archived workflows."""

    url: str = Field(description="where the Argo server is, as in https://argo.example.org")
    token: SecretRef | None = Field(
        None, description="bearer token of a service account (auth mode client)"
    )
    kubernetes_namespace: str = Field(
        "", description="the only Kubernetes namespace to look at; all, if it is not given"
    )
    timezone: str = Field(
        "UTC", description="the controller's, in which cron workflows are read that name none"
    )
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
            url, example="https://argo.example.org", credentials="token, as a reference to a secret"
        )
        return found.removesuffix("/api/v1")

    @field_validator("kubernetes_namespace")
    @classmethod
    def _namespace(cls, name: str) -> str:
        if name and not _LABEL.fullmatch(name):
            raise ValueError("expected the name of one Kubernetes namespace")
        return name

    @field_validator("timezone")
    @classmethod
    def _zone(cls, name: str) -> str:
        try:
            return ZoneInfo(name).key
        except (ValueError, LookupError, OSError):
            raise ValueError("expected a time zone such as Europe/Zurich") from None
