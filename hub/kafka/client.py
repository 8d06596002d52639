"""A consumer of librdkafka as the settings of trackside.yaml ask for it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from hub.errors import ConfigError
from hub.secrets import SecretRef
from hub.settings.kafka import Kafka, Sasl, Tls

#: Hears what is wrong with the brokers, in words.
Trouble = Callable[[str], None]


def connect(told: Kafka, trouble: Trouble, committed: Callable[[Any, Any], None]) -> Any:
    """A consumer that is not subscribed yet. Raises ConfigError without the client or a secret."""
    try:
        from confluent_kafka import Consumer
    except ModuleNotFoundError:
        raise ConfigError(
            "kafka: needs the client: pip install 'trackside[kafka]' (confluent-kafka)"
        ) from None
    asked = properties_of(told)
    asked |= {
        "error_cb": lambda error: trouble(error.str()),
        "on_commit": committed,
    }
    return Consumer(asked, logger=logging.getLogger("librdkafka"))


def properties_of(told: Kafka) -> dict[str, Any]:
    """What librdkafka is told. Raises ConfigError if a secret can't be had."""
    return {
        # One that is committed or stored by itself may be of an event that the store lacks.
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "bootstrap.servers": ",".join(told.brokers),
        "group.id": told.group,
        "auto.offset.reset": told.start,
        # Only what moves is taken away when replicas come and go.
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": int(told.session_timeout_s * 1000),
        "heartbeat.interval.ms": max(200, int(told.session_timeout_s * 1000 / 5)),
        "client.id": "trackside",
        "security.protocol": _protocol(told),
        **_tls(told.tls),
        **_sasl(told.sasl),
        **{name: _value(value) for name, value in told.properties.items()},
    }


def _protocol(told: Kafka) -> str:
    carried = "PLAINTEXT" if told.tls is None else "SSL"
    return carried if told.sasl is None else f"SASL_{carried}"


def _tls(tls: Tls | None) -> dict[str, str]:
    if tls is None:
        return {}
    named = {
        "ssl.ca.location": tls.ca_file,
        "ssl.certificate.location": tls.certificate_file,
        "ssl.key.location": tls.key_file,
        "ssl.key.password": tls.key_password and _value(tls.key_password),
    }
    return {name: value for name, value in named.items() if value}


def _sasl(sasl: Sasl | None) -> dict[str, str]:
    if sasl is None:
        return {}
    named = {
        "sasl.mechanisms": sasl.mechanism,
        "sasl.username": sasl.username,
        "sasl.password": sasl.password and _value(sasl.password),
    }
    return {name: value for name, value in named.items() if value}


def _value(text: str) -> str:
    """The text, or the secret whose reference it is."""
    try:
        reference = SecretRef.parse(text)
    except ConfigError:
        return text
    return reference.resolve().reveal()
