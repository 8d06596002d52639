"""Senders, in a process of their own: as many connections as asked for, each one request at a time.

    python -m benchmarks.client http://127.0.0.1:8080 --events 20000 --batch 1

A bare HTTP/1.1 client, so that on two cores the hub is what is measured. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Final, cast
from urllib.parse import urlsplit

import uvloop

from benchmarks.events import World

_HEAD: Final = (
    b"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n"
)


class Connection(asyncio.Protocol):
    """Sends what `requests` yields, one after another, keeping the connection open."""

    def __init__(self, requests: Iterator[bytes], tally: Tally, pace: Pace) -> None:
        self._requests = requests
        self._pace = pace
        self._tally = tally
        self._answer = b""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if _is_whole(self._answer):
            self._tally.answered(self._sent_at, int(self._answer[9:12]))
            self._answer = b""
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(exc or ConnectionError("the hub hung up"))

    def _send(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self.ended.set_result(None)
            self._transport.close()
            return
        wait_s = self._pace.wait_s()
        if wait_s > 0:
            asyncio.get_running_loop().call_later(wait_s, self._write, request)
        else:
            self._write(request)

    def _write(self, request: bytes) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(request)


class Pace:
    """When the next request may be sent; 0 requests a second: at once."""

    def __init__(self, requests_per_s: float) -> None:
        self._every_s = 1 / requests_per_s if requests_per_s else 0.0
        self._next = time.perf_counter()

    def wait_s(self) -> float:
        if not self._every_s:
            return 0.0
        self._next += self._every_s
        return self._next - time.perf_counter()


class Tally:
    """What came back, and how long it took."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.seconds: list[float] = []

    def answered(self, sent_at: float, status: int) -> None:
        self.statuses[status] += 1
        self.seconds.append(time.perf_counter() - sent_at)

    def percentile_ms(self, share: float) -> float:
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _is_whole(answer: bytes) -> bool:
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return False
    at = answer.find(b"content-length: ")
    length = int(answer[at + 16 : answer.find(b"\r", at)]) if 0 <= at < end else 0
    return len(answer) >= end + 4 + length


def requests_of(world: World, events: int, batch: int) -> Iterator[bytes]:
    """Requests with `events` events in all, `batch` in each."""
    single = batch == 1
    path = b"/api/v1/lineage" if single else b"/api/v1/lineage/batch"
    bodies = world.bodies() if single else world.batches(batch)
    for body in islice(bodies, -(-events // batch)):
        yield _HEAD % (path, len(body)) + body


async def load(
    url: str, requests: Iterator[bytes], connections: int, tally: Tally, pace: Pace
) -> None:
    """Returns when all requests are answered."""
    address, loop = urlsplit(url), asyncio.get_running_loop()
    host, port = address.hostname or "127.0.0.1", address.port or 80

    async def one() -> None:
        _, connection = await loop.create_connection(
            lambda: Connection(requests, tally, pace), host, port
        )
        await connection.ended

    await asyncio.gather(*(one() for _ in range(connections)))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rate", type=float, default=0, help="events a second; 0: all they can")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--troupe", type=int, default=100)
    told = parser.parse_args()
    requests = requests_of(World(told.seed, told.troupe), told.events, told.batch)
    if told.events <= 50_000:
        requests = iter(list(requests))  # made before the clock starts
    tally, started = Tally(), time.perf_counter()
    pace = Pace(told.rate / told.batch)
    uvloop.run(load(told.url, requests, told.connections, tally, pace))
    answer = {
        "statuses": tally.statuses,
        "seconds": time.perf_counter() - started,
        "p50_ms": tally.percentile_ms(0.5),
        "p99_ms": tally.percentile_ms(0.99),
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
