"""Whether whoever asked is still there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import Request


@contextmanager
def hung_up(request: Request) -> Iterator[asyncio.Task[None]]:
    """A task that ends when whoever asked has hung up."""
    left = asyncio.get_running_loop().create_task(_gone(request))
    try:
        yield left
    finally:
        left.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
