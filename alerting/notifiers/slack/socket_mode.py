"""Socket Mode: clicks come over a WebSocket that we open, for those with no inbound HTTP.

Slack hands each click to one of the connections that an app has open, and again to another if it
is not acknowledged within three seconds: what is done once is done once, by its id.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as LateError
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from alerting.notifiers.slack.inbound import actions_in
from hub.errors import Unavailable
from hub.ports import Action, Json
from hub.ports.reach import PrivateAddressError, connect

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

Take = Callable[[Sequence[Action]], None]

#: Slack asks again after three seconds.
ACK_WITHIN_S: Final = 2.0
OPEN_WITHIN_S: Final = 10.0
LOOK_S: Final = 0.5
#: Slack closes a connection after some hours at most; one that is silent for so long is dead.
PING_S: Final = 20.0
MAX_BYTES: Final = 2**20


def listen(
    url: str,
    take: Take,
    stopping: threading.Event,
    *,
    allowed: Sequence[str],
    failure: Callable[[str], Unavailable],
) -> None:
    """Takes clicks until it is time to stop, or until Slack wants another connection.

    Raises Unavailable if the connection can't be had or breaks. Its URL is a secret.
    """
    with _connected(url, allowed, failure) as line, ThreadPoolExecutor(1) as doing:
        while not stopping.is_set():
            envelope = _next(line)
            if envelope is None:
                continue
            if envelope.get("type") == "disconnect":
                return
            _answer(line, envelope, take, doing)


def _answer(line: ClientConnection, envelope: Json, take: Take, doing: ThreadPoolExecutor) -> None:
    """Does what is asked for, and acknowledges it as soon as it is done, or in time all the same."""
    number = envelope.get("envelope_id")
    if not isinstance(number, str):
        return
    payload = envelope.get("payload")
    found = (
        actions_in(payload, datetime.now(UTC))
        if envelope.get("type") == "interactive" and isinstance(payload, dict)
        else []
    )
    if found:
        with suppress(LateError):
            doing.submit(take, found).result(ACK_WITHIN_S)
    line.send(json.dumps({"envelope_id": number}))


def _next(line: ClientConnection) -> Json | None:
    try:
        told = json.loads(line.recv(timeout=LOOK_S))
    except TimeoutError:
        return None
    except ValueError:  # nothing that Slack sends
        return None
    return told if isinstance(told, dict) else None


@contextmanager
def _connected(
    url: str, allowed: Sequence[str], failure: Callable[[str], Unavailable]
) -> Iterator[ClientConnection]:
    from websockets.exceptions import WebSocketException
    from websockets.sync.client import connect as open_line

    try:
        more = _way(url, allowed)
        with open_line(
            url,
            open_timeout=OPEN_WITHIN_S,
            close_timeout=1,
            ping_interval=PING_S,
            ping_timeout=PING_S,
            max_size=MAX_BYTES,
            **more,
        ) as line:
            yield line
    except PrivateAddressError:
        raise failure(
            "it is at a private address: the operator must allow its network first"
        ) from None
    except (OSError, WebSocketException) as error:
        raise failure(f"the connection for clicks broke: {type(error).__name__}") from None


def _way(url: str, allowed: Sequence[str]) -> dict[str, Any]:
    """By a socket of ours, whose address was judged, or by the proxy that judges."""
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "wss"
    proxies = getproxies()
    named = proxies.get("https" if secure else "http") or proxies.get("all")
    if named and not proxy_bypass(host):
        return {"proxy": named}
    port = parts.port or (443 if secure else 80)
    sock = connect(host, port, allowed, OPEN_WITHIN_S)
    sock.settimeout(None)
    return {"sock": sock, "proxy": None}
