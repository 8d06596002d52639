"""Where an MLflow is, and how it is spoken to."""

from __future__ import annotations

from typing import Self

from pydantic import Field, field_validator, model_validator

from adapters.base.connection import web_address
from hub.ports import AdapterConfig, SecretRef


class Config(AdapterConfig):
    """One MLflow tracking server, with its model registry."""

    url: str = Field(description="MLFLOW_TRACKING_URI, as in https://mlflow.example.org")
    username: str | None = Field(None, description="a user who may read all experiments and models")
    password: SecretRef | None = Field(None, description="of that user, as env:NAME or file:/path")
    token: SecretRef | None = Field(None, description="a bearer token instead")
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
            example="https://mlflow.example.org",
            credentials="username and password, or token, as references to secrets",
        )
        return found.removesuffix("/api/2.0/mlflow")

    @model_validator(mode="after")
    def _one_way_to_log_in(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password are given together or not at all")
        if self.username is not None and self.token is not None:
            raise ValueError("give either username and password, or token")
        return self
