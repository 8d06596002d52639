"""Where SageMaker is, and who we are there."""

from __future__ import annotations

from typing import Self

from pydantic import Field, field_validator, model_validator

from hub.ports import AdapterConfig, SecretRef


class Config(AdapterConfig):
    """The pipelines of one account in one region."""

    region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$", description="as in eu-central-1")
    access_key_id: str | None = Field(
        None, description="of a user; else credentials are found as every AWS client finds them"
    )
    secret_access_key: SecretRef | None = Field(None, description="of that user, as env:NAME")
    session_token: SecretRef | None = Field(None, description="of temporary credentials")
    name_prefix: str = Field("", description="only pipelines whose name begins so")
    endpoint_url: str | None = Field(
        None, description="where to ask, if not at the region's own address (a VPC endpoint)"
    )
    verify: bool = Field(default=True, description="check the server's certificate")
    history_days: float = Field(
        30, gt=0, le=3650, description="how far back runs are read when it is first connected"
    )

    @field_validator("endpoint_url")
    @classmethod
    def _address(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("http://", "https://")):
            raise ValueError("expected an address such as https://vpce-1.api.sagemaker...")
        return url.rstrip("/") if url else None

    @model_validator(mode="after")
    def _whole_credentials(self) -> Self:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key are given together or not at all")
        return self

    @property
    def url(self) -> str:
        if self.endpoint_url is not None:
            return self.endpoint_url
        china = ".cn" if self.region.startswith("cn-") else ""
        return f"https://api.sagemaker.{self.region}.amazonaws.com{china}"
