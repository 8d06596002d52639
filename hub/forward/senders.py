"""Sends events through the transports of openlineage-python, and tells of each whether it arrived."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from msgspec import Struct

from hub.errors import ConfigError, Unavailable
from hub.forward.chosen import Onward, key_of
from hub.ports.reach import PrivateAddressError, judged
from hub.secrets import SecretRef
from hub.settings.forward import Receiver

FLUSH_S: Final = 30.0
#: Of an answer or an error, in characters.
REASON: Final = 300
#: That the receiver is not as its settings say; what was sent is not the reason.
_NOT_THE_EVENT: Final = frozenset({401, 402, 404, 405, 407, 408, 421, 423, 425, 426, 429, 451})


class Refused(Struct, frozen=True):
    """The receiver does not take this event, however often it is sent."""

    reason: str


class Away(Struct, frozen=True):
    """The receiver takes nothing just now. retry_after_s: it said when to come back."""

    reason: str
    retry_after_s: float | None = None


Answer = Refused | Away | None
"""None: it has it."""


class Sends(Protocol):
    """One way to a receiver."""

    def send(self, events: Sequence[Onward]) -> Iterator[Answer]:
        """An answer for each, in order; whoever stops to ask has no more sent."""
        ...

    def close(self) -> None: ...


def sender_of(told: Receiver, allowed: Sequence[str]) -> Sends:
    """Raises ConfigError for what can't be understood, Unavailable where it may not lead."""
    config = _resolved(dict(told.transport))
    try:
        if config["type"] == "kafka":
            return _Kafka(config)
        return _Transport(config, allowed)
    except (ConfigError, Unavailable):
        raise
    except ModuleNotFoundError as error:
        raise ConfigError(f"forward: {told.name}: needs the package {error.name}") from None
    except Exception as error:  # noqa: BLE001  each transport has errors of its own
        # Their text may repeat what they were given, secrets too.
        raise ConfigError(
            f"forward: {told.name}: transport {config['type']} can't be made of these settings "
            f"({type(error).__name__})"
        ) from None


def _resolved(value: Any) -> Any:
    """References become what they stand for."""
    if isinstance(value, dict):
        return {name: _resolved(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_resolved(inner) for inner in value]
    if not isinstance(value, str):
        return value
    try:
        reference = SecretRef.parse(value)
    except ConfigError:
        return value
    return reference.resolve().reveal()


class _Transport:
    """Any transport that answers when the receiver has the event."""

    def __init__(self, config: dict[str, Any], allowed: Sequence[str]) -> None:
        from openlineage.client.transport import get_default_factory

        self._allowed = allowed
        self._url = config.get("url") if config["type"] == "http" else None
        if self._url is not None:
            config.setdefault("retry", {"total": 0})  # the pauses are ours
        if os.environ.get("OPENLINEAGE_DISABLED", "").lower().strip() == "true":
            raise ConfigError("OPENLINEAGE_DISABLED is set: nothing would be sent")
        self._transport = get_default_factory().create(config)
        if self._url is not None:  # where it leads on to nobody has judged
            self._transport.session.max_redirects = 0  # type: ignore[attr-defined]

    def send(self, events: Sequence[Onward]) -> Iterator[Answer]:
        if self._url is not None:
            _require_reach(self._url, self._allowed)
        for one in events:
            yield self._emit(one)

    def _emit(self, one: Onward) -> Answer:
        try:
            # What they write is what Serde makes of it, of a dict too.
            self._transport.emit(one.event)  # type: ignore[arg-type]
        except Exception as error:  # noqa: BLE001  each transport has errors of its own
            return answer_of(error)
        return None

    def close(self) -> None:
        self._transport.close()


class _Kafka:
    """The transport's own way would only log that a message was lost."""

    def __init__(self, config: dict[str, Any]) -> None:
        from confluent_kafka import KafkaException, Producer

        self._error = KafkaException
        self._topic = str(config["topic"])
        self._key = config.get("messageKey") or config.get("message_key")
        ours = {"enable.idempotence": True, "message.timeout.ms": int(FLUSH_S * 1000)}
        self._producer = Producer({**ours, **config["config"]})

    def send(self, events: Sequence[Onward]) -> Iterator[Answer]:
        lost: dict[int, Any] = {}
        arrived: set[int] = set()
        for number, one in enumerate(events):
            told = _told(number, lost, arrived)
            key = self._key or key_of(one.event)
            try:
                self._producer.produce(self._topic, key=key, value=one.body, on_delivery=told)
            except self._error as error:  # too large, for one
                lost[number] = error.args[0]
        self._producer.flush(FLUSH_S)
        for number in range(len(events)):
            if number in lost:
                yield _of_kafka(lost[number])
            else:
                yield None if number in arrived else Away("the brokers did not answer in time")

    def close(self) -> None:
        self._producer.flush(0)


def _told(number: int, lost: dict[int, Any], arrived: set[int]) -> Any:
    def delivered(error: Any, _: Any) -> None:
        if error is None:
            arrived.add(number)
        else:
            lost[number] = error

    return delivered


def _of_kafka(error: Any) -> Answer:
    permanent = error.name() in {"MSG_SIZE_TOO_LARGE", "INVALID_MSG", "INVALID_RECORD"}
    return Refused(error.str()) if permanent else Away(error.str())


def answer_of(error: Exception) -> Refused | Away:
    """What an error of a transport means: 4xx is of the event, unless it is of who sends it."""
    answer = getattr(error, "response", None)
    status = getattr(answer, "status_code", None)
    if status is None:
        return Away(f"{type(error).__name__}: {error}"[:REASON])
    reason = f"answered {status} {getattr(answer, 'text', '')}"[:REASON].strip()
    if 400 <= status < 500 and status not in _NOT_THE_EVENT:
        return Refused(reason)
    return Away(reason, _seconds(getattr(answer, "headers", {}).get("retry-after")))


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isdigit() else None


def _require_reach(url: str, allowed: Sequence[str]) -> None:
    """As for targets: not into private networks, unless the operator allows it."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        judged(parts.hostname or "", port, allowed)
    except PrivateAddressError:
        raise Unavailable(
            f"{parts.hostname} is a private address; allowed_networks must name its network"
        ) from None
    except OSError as error:
        raise Unavailable(f"{parts.hostname}: {error.strerror or error}") from None
