"""Where a Kubeflow Pipelines is, and how it is spoken to."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from adapters.base.connection import web_address
from hub.ports import AdapterConfig, SecretRef


class Config(AdapterConfig):
    """One Kubeflow Pipelines; where it serves several users, one of its Kubernetes namespaces."""

    url: str = Field(
        description="where people open it: https://kubeflow.example.org/pipeline, or that of a "
        "standalone one"
    )
    token: SecretRef | None = Field(
        None, description="bearer token of a service account, for pipelines.kubeflow.org"
    )
    kubernetes_namespace: str = Field(
        "", description="whose runs to look at; needed where it serves several users"
    )
    experiment_id: str | None = Field(
        None, description="in which launches run, if not in the default experiment"
    )
    timezone: str = Field(
        "UTC", description="in which crons are read: CRON_SCHEDULE_TIMEZONE of its controller"
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
            url,
            example="https://kubeflow.example.org/pipeline",
            credentials="token, as a reference to a secret",
        )
        return found.removesuffix("/apis/v2beta1")

    @field_validator("timezone")
    @classmethod
    def _zone(cls, name: str) -> str:
        try:
            return ZoneInfo(name).key
        except (ValueError, LookupError, OSError):
            raise ValueError("expected a time zone such as Europe/Zurich") from None
