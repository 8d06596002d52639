"""Where lineage events are taken from Kafka, and whose they are."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, Field, StringConstraints, model_validator

from hub.settings.types import REFERENCE, SECRET_NAME, SECTION, Name, Reference, Words

#: What decides whether each event is recorded once; and what has a setting of its own.
_OURS: Final = frozenset(
    {
        "auto.offset.reset",
        "bootstrap.servers",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "group.id",
        "partition.assignment.strategy",
        "sasl.mechanism",
        "sasl.mechanisms",
        "sasl.password",
        "sasl.username",
        "security.protocol",
        "session.timeout.ms",
    }
)

Text = Annotated[str, StringConstraints(min_length=1)]


class _Section(BaseModel):
    model_config = SECTION


class Tls(_Section):
    """TLS to the brokers; an empty one trusts the authorities that the system trusts."""

    ca_file: Text | None = Field(None, description="PEM of the authorities to trust")
    certificate_file: Text | None = Field(None, description="PEM of the client's certificate")
    key_file: Text | None = Field(None, description="PEM of its key")
    key_password: Reference | None = Field(None, description="the reference of its password")


class Sasl(_Section):
    """Who the hub is to the brokers."""

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "GSSAPI"]
    username: Text | None = None
    password: Reference | None = Field(None, description="a reference")

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        asks = self.mechanism == "PLAIN" or self.mechanism.startswith("SCRAM")
        if asks and (self.username is None or self.password is None):
            raise ValueError(f"{self.mechanism} needs username and password")
        return self


class Kafka(_Section):
    """One consumer: topics that OpenLineage's Kafka transport writes to.

    Bound as a token is: to an orchestrator, a team, and the namespaces that it may write.
    """

    name: Name = "kafka"
    brokers: Words = Field(min_length=1, description="as in broker-1:9092")
    topics: Words = Field(min_length=1, description="that hold one lineage event a message")
    group: Text = Field("trackside", description="the consumer group that all replicas share")
    start: Literal["earliest", "latest"] = Field(
        "earliest", description="where a group begins that has no offsets yet"
    )
    tls: Tls | None = None
    sasl: Sasl | None = None
    orchestrator: str | None = Field(None, description="whose events they are")
    team: str | None = Field(None, description="the team that owns their jobs by default")
    namespaces: Words = Field(default=["*"], description="that may be written; * is any text")
    max_messages: int = Field(500, ge=1, le=10_000, description="handed to the store at a time")
    session_timeout_s: float = Field(
        15, ge=1, le=600, description="after which the others take over from a hub that is gone"
    )
    properties: dict[str, str] = Field(
        default={},
        description="further ones of librdkafka; a value may be the reference of a secret",
    )

    @model_validator(mode="after")
    def _properties_are_free(self) -> Self:
        for name, value in self.properties.items():
            if name in _OURS:
                raise ValueError(f"properties: {name} is the hub's own affair")
            if SECRET_NAME.search(name) and not re.match(REFERENCE, value):
                raise ValueError(
                    f"properties: {name} holds a secret: name its reference, as in env:NAME"
                )
        return self
