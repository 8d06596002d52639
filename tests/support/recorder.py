"""Channels that only remember what they were told, and refuse what a strict one would refuse."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any, ClassVar

import msgspec

from hub.errors import Unauthorized
from hub.ports import (
    Action,
    Delivery,
    Finding,
    Json,
    NotifierConfig,
    Standing,
    notifiers,
)


@dataclass
class Place:
    """What one target has got. shown: by key, as a keyed channel shows it. sent: each message."""

    shown: dict[str, tuple[Standing, int]] = field(default_factory=dict)
    sent: list[Delivery] = field(default_factory=list)
    fail: Callable[[Delivery], None] = lambda _: None
    after: Callable[[Delivery], None] = lambda _: None
    busy: set[str] = field(default_factory=set)

    def of(self, key: str) -> list[Delivery]:
        return [one for one in self.sent if one.key == key]


class World:
    """All that was told, by target; of one process."""

    def __init__(self) -> None:
        self.places: defaultdict[str, Place] = defaultdict(Place)
        self.lock = Lock()

    def clear(self) -> None:
        self.places.clear()


WORLD = World()


class Config(NotifierConfig):
    """Nothing needs to be told."""

    word: str = ""


class Recording:
    """Base of both. Refuses two deliveries of a key at once."""

    Config: ClassVar[type[NotifierConfig]] = Config
    keyed: ClassVar[bool] = True

    def __init__(self, config: Any, target: str, *, allowed: Sequence[str] = ()) -> None:
        self.target = target
        self.config = config

    def deliver(self, delivery: Delivery, held: Json) -> Json:
        place = WORLD.places[self.target]
        with WORLD.lock:
            assert delivery.key not in place.busy, "two deliveries of one key at once"
            place.busy.add(delivery.key)
        try:
            place.fail(delivery)
            with WORLD.lock:
                self._show(place, delivery)
                place.sent.append(delivery)
            place.after(delivery)
        finally:
            place.busy.discard(delivery.key)
        return {"seen": held.get("seen", 0) + 1}

    def _show(self, place: Place, delivery: Delivery) -> None:
        place.shown[delivery.key] = (delivery.standing, delivery.version)

    def inbound(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Sequence[Action]:
        if headers.get("x-signature") != "good":
            raise Unauthorized("not signed by the channel")
        return [msgspec.json.decode(body, type=Action)]

    def check(self) -> Sequence[Finding]:
        return ()

    def close(self) -> None:
        pass


@notifiers.register("keyed-recorder")
class Keyed(Recording):
    """As PagerDuty: one thing per key."""


class Forgetting(Config):
    """It is told the same again."""

    every_s: float = 300

    @property
    def again_s(self) -> float | None:
        return self.every_s


@notifiers.register("forgetful-recorder")
class Forgetful(Recording):
    """As Alertmanager: what it is not told again is over there."""

    Config: ClassVar[type[NotifierConfig]] = Forgetting


@notifiers.register("unkeyed-recorder")
class Unkeyed(Recording):
    """As mail: what was sent is sent."""

    keyed: ClassVar[bool] = False


@notifiers.register("digest-recorder")
class Digesting(Recording):
    """As a chat: it shows digests, too."""

    keyed: ClassVar[bool] = False
    digests: ClassVar[bool] = True
