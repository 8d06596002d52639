"""How much one token may send."""

import pytest

from hub.access import Kind, Principal
from hub.errors import Overloaded
from hub.limits import IngestLimit, TooMany


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


ANN = Principal("ann", Kind.TOKEN, token_id=1)
BOB = Principal("bob", Kind.TOKEN, token_id=2)


def test_a_burst_passes_and_what_is_over_it_does_not() -> None:
    limit = IngestLimit(10, burst_s=2, clock=Clock())
    for _ in range(20):
        limit.take(ANN)
    with pytest.raises(TooMany):
        limit.take(ANN)


def test_one_token_does_not_use_up_what_another_may_send() -> None:
    limit = IngestLimit(1, burst_s=1, clock=Clock())
    limit.take(ANN)
    limit.take(BOB)


def test_after_the_time_that_was_told_it_passes_again() -> None:
    clock = Clock()
    limit = IngestLimit(10, burst_s=1, clock=clock)
    limit.take(ANN, 50)
    with pytest.raises(TooMany) as refusal:
        limit.take(ANN)
    clock.now += refusal.value.retry_after
    limit.take(ANN)


def test_a_batch_larger_than_the_burst_passes_and_leaves_a_debt() -> None:
    clock = Clock()
    limit = IngestLimit(10, burst_s=1, clock=clock)
    limit.take(ANN, 100)
    clock.now += 5
    with pytest.raises(TooMany):
        limit.take(ANN)
    clock.now += 5
    limit.take(ANN)


def test_a_sender_over_its_limit_is_told_429_not_503() -> None:
    assert issubclass(TooMany, Overloaded)
    assert TooMany.status == 429
