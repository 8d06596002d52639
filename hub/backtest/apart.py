"""A backtest in a process of its own: it keeps one core busy, and what it needs is given back.

    python -m hub.backtest.apart

reads what is asked for from its standard input, for the store's URL may hold a password, and writes
how far it is, and last what it found, as lines of JSON.
"""

from __future__ import annotations

import os
import sys
from contextlib import closing, suppress
from typing import Final

import msgspec
from msgspec import Struct

from hub.backtest.of_rule import RuleBacktest, Wanted, backtest_of
from hub.errors import TracksideError
from hub.store.db import Database

#: Whoever sends and asks comes first.
NICE: Final = 10


class Asked(Struct, frozen=True):
    database_url: str
    wanted: Wanted


class Along(Struct, frozen=True, tag="along"):
    """How far it is: events so far, of how many."""

    done: int
    total: int


class Found(Struct, frozen=True, tag="found"):
    backtest: RuleBacktest


class Failed(Struct, frozen=True, tag="failed"):
    """It can't be done; why, for people."""

    why: str


Said = Along | Found | Failed
encode: Final = msgspec.json.Encoder().encode
#: Of one line that the process writes.
read: Final = msgspec.json.Decoder[Said](Said).decode


def _main() -> None:
    """Of that process. What is printed besides goes where errors go."""
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    os.nice(NICE)
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=Asked)

    def say(said: Said) -> None:
        answer.write(encode(said) + b"\n")
        answer.flush()

    with answer, closing(Database(asked.database_url)) as db:
        try:
            found = backtest_of(db, asked.wanted, lambda done, total: say(Along(done, total)))
        except TracksideError as error:
            say(Failed(str(error)))
        else:
            say(Found(found))


if __name__ == "__main__":
    with suppress(BrokenPipeError):  # the hub is gone, and nobody waits for it any more
        _main()
