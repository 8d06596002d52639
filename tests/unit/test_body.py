"""Reading request bodies without ever holding more than the limit."""

import asyncio
import gzip
import io
import os
import zlib
from collections.abc import Sequence

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from hub.api.body import TooSlow, UnknownEncoding, read_body
from hub.errors import BadInput, TooLarge

GZIP = [(b"content-encoding", b"gzip")]


class Sender:
    """Gives chunks, counts how many were asked for."""

    def __init__(self, chunks: Sequence[bytes], *, leaves: bool = False) -> None:
        self.messages: list[Message] = [
            {"type": "http.request", "body": chunk, "more_body": leaves or rest > 0}
            for rest, chunk in zip(range(len(chunks) - 1, -1, -1), chunks, strict=True)
        ]
        self.messages.append({"type": "http.disconnect"})
        self.asked = 0

    async def __call__(self) -> Message:
        self.asked += 1
        return self.messages[self.asked - 1]


def read(*chunks: bytes, headers: Sequence[tuple[bytes, bytes]] = (), limit: int = 1000) -> bytes:
    return asyncio.run(read_body(Sender(chunks), headers, limit))


def test_a_body_in_one_piece_is_given_as_it_is() -> None:
    body = b"x" * 1000
    assert read(body) is body


def test_a_body_in_pieces_is_joined() -> None:
    assert read(b"a", b"", b"bc") == b"abc"
    assert read(b"") == b""


def test_a_body_that_announces_too_much_is_refused_unread() -> None:
    sender = Sender([b"x"])
    with pytest.raises(TooLarge, match="1,001 bytes is over the limit of 1,000"):
        asyncio.run(read_body(sender, [(b"content-length", b"1001")], 1000))
    assert sender.asked == 0


def test_a_body_that_grows_too_large_is_not_read_on() -> None:
    sender = Sender([b"x" * 600] * 10)
    with pytest.raises(TooLarge):
        asyncio.run(read_body(sender, [], 1000))
    assert sender.asked == 2


@pytest.mark.parametrize("encoding", [b"gzip", b"GZIP", b"x-gzip", b" gzip "])
def test_gzip_is_understood(encoding: bytes) -> None:
    assert (
        read(gzip.compress(b"hello", mtime=0), headers=[(b"content-encoding", encoding)])
        == b"hello"
    )


@pytest.mark.parametrize("encoding", [b"", b"identity"])
def test_no_encoding_is_understood(encoding: bytes) -> None:
    assert read(b"hello", headers=[(b"content-encoding", encoding)]) == b"hello"


@pytest.mark.parametrize("encoding", [b"br", b"zstd", b"deflate", b"gzip, gzip"])
def test_other_encodings_are_answered_415(encoding: bytes) -> None:
    with pytest.raises(UnknownEncoding, match="expected gzip or none"):
        read(b"hello", headers=[(b"content-encoding", encoding)])
    assert UnknownEncoding.status == 415


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_gzip_arrives_in_any_pieces(size: int) -> None:
    body = os.urandom(50_000) + b"a" * 1_000_000
    packed = gzip.compress(body, mtime=0)
    pieces = [packed[i : i + size] for i in range(0, len(packed), size)]
    assert read(*pieces, headers=GZIP, limit=2_000_000) == body


def test_several_gzip_members_are_one_body() -> None:
    assert (
        read(gzip.compress(b"a", mtime=0), gzip.compress(b"b", mtime=0) * 2, headers=GZIP) == b"abb"
    )


def test_a_gzip_bomb_is_refused_before_it_takes_memory() -> None:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as file:
        for _ in range(100):
            file.write(bytes(1_000_000))
    with pytest.raises(TooLarge):
        read(packed.getvalue(), headers=GZIP, limit=1_000_000)


def test_a_body_of_nothing_but_gzip_members_is_refused() -> None:
    with pytest.raises(BadInput, match="at most 100 members"):
        read(gzip.compress(b"", mtime=0) * 101, headers=GZIP, limit=100_000)


def test_gzip_may_hold_exactly_the_limit() -> None:
    assert len(read(gzip.compress(bytes(1000)), headers=GZIP)) == 1000
    with pytest.raises(TooLarge):
        read(gzip.compress(bytes(1001)), headers=GZIP)


@pytest.mark.parametrize(
    "body",
    [
        b"hello",
        gzip.compress(b"hello", mtime=0)[:-9],
        gzip.compress(b"hello", mtime=0)[:5],
        gzip.compress(b"hello", mtime=0) + b"rest",
        zlib.compress(b"hello"),
    ],
)
def test_broken_gzip_is_bad_input(body: bytes) -> None:
    with pytest.raises(BadInput, match="gzip"):
        read(body, headers=GZIP)


def test_an_empty_body_may_call_itself_gzip() -> None:
    assert read(b"", headers=GZIP) == b""


def test_a_sender_that_leaves_is_no_error_of_ours() -> None:
    with pytest.raises(ClientDisconnect):
        asyncio.run(read_body(Sender([b"x"], leaves=True), [], 1000))
    with pytest.raises(ClientDisconnect):
        asyncio.run(read_body(Sender([gzip.compress(b"x", mtime=0)], leaves=True), GZIP, 1000))


def test_a_body_that_never_ends_is_not_waited_for() -> None:
    async def receive() -> Message:
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    with pytest.raises(TooSlow, match="within 0 s"):
        asyncio.run(read_body(receive, [], 1000, timeout_s=0.01))
