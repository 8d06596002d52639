"""The round of one receiver: read, send, and only then move on.

Its places are those of what was sent, so a crash sends at most one page again; whoever receives
knows a duplicate by its bytes, which are the same each time. What the receiver can't take now is
tried again after growing pauses, and nothing goes before it; what it will never take is parked.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import structlog

from hub.errors import TracksideError
from hub.evaluate.telling import Transactions
from hub.forward.chosen import Onward, is_chosen, onward
from hub.forward.senders import Answer, Away, Refused, Sends, sender_of
from hub.metrics import Metrics
from hub.settings.forward import Receiver
from hub.store import forward as store
from hub.store.forward import Block, Page, Stored
from hub.store.holds import held
from hub.store.leases import Fence
from hub.store.reading import unpack

log = structlog.get_logger(__name__)

#: Events of each block of ids that are read at a time.
PAGE: Final = 200
#: A round ends about so many seconds after it began, and another goes on.
LONGEST_S: Final = 5.0
#: Events refused one after the other, beyond which it is the receiver that is wrong.
STREAK: Final = 20
TELL_EVERY: Final = timedelta(seconds=2)
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 300.0

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Forwarding:
    """Sends to one receiver; one replica at a time does, as its lease says."""

    def __init__(
        self,
        told: Receiver,
        doing: Transactions,
        metrics: Metrics,
        allowed: Sequence[str],
        *,
        make: Callable[[Receiver, Sequence[str]], Sends] = sender_of,
    ) -> None:
        """allowed: private networks in which it may be."""
        self.told = told
        self._name = told.name
        self._doing = doing
        self._metrics = metrics
        self._allowed = allowed
        self._make = make
        self._sender: Sends | None = None
        self._streak = 0
        self._told_at: datetime | None = None
        metrics.begin_forward(self._name)

    def round(self, now: datetime, fence: Fence) -> bool:
        """Sends what is next; True if there is more and it goes well."""
        state = self._state(now, fence)
        if self._doing.read(held) or (state.next_at is not None and now < state.next_at):
            return False
        try:
            self._sender = self._sender or self._make(self.told, self._allowed)
            failure = self._again(self._sender, now, fence)
            more = False
            if failure is None:
                more, failure = self._next(self._sender, now, fence)
        except TracksideError as error:  # its settings, its secrets, where it leads
            failure, more = Away(str(error)), False
        if failure is not None:
            self._fail(failure, state.failures + 1, now, fence)
        if failure is not None or self._told_at is None or now - self._told_at > TELL_EVERY:
            self._tell(now, failure)
        return more and failure is None

    def elsewhere(self) -> None:
        """Another replica sends, and tells the figures."""
        told = self._metrics
        for gauge in (told.forward_lag_seconds, told.forward_parked, told.forward_trouble):
            with suppress(KeyError):
                gauge.remove(self._name)
        self._told_at = None

    def close(self) -> None:
        if self._sender is not None:
            self._sender.close()
            self._sender = None

    # -- what is next ----------------------------------------------------------------------------

    def _next(self, sender: Sends, now: datetime, fence: Fence) -> tuple[bool, Away | None]:
        page = self._doing.read(lambda c: store.read_page(c, self._name, now, PAGE))
        chosen = self._chosen(page)
        # Before they leave: the first of them may be back before the last is sent.
        keys = [one.key for one in chosen.values() if one.key is not None]
        self._doing.write(lambda c: store.know_digests(c, keys), fence)
        answers = self._send(sender, chosen)
        settled = _Settled(page, chosen, answers)
        self._save(settled, now, fence)
        return page.full or settled.is_cut, settled.failure

    def _chosen(self, page: Page) -> dict[int, Onward]:
        """What is to be sent, by its id."""
        only = self.told.only
        jobs = sorted({one.job_id for one in page.events if one.job_id is not None})
        tags = self._doing.read(lambda c: store.tags_of(c, jobs)) if only.tags and jobs else {}
        found = {}
        for one in page.events:
            event = _decode(unpack(one.payload))
            if is_chosen(only, one, event, tags.get(one.job_id or 0, set())):
                found[one.id] = onward(event)
        return found

    def _send(self, sender: Sends, chosen: dict[int, Onward]) -> dict[int, Answer]:
        """Until one has to wait, or it has taken long enough."""
        ends, answers = time.monotonic() + LONGEST_S, dict[int, Answer]()
        for number, answer in zip(chosen, sender.send(list(chosen.values())), strict=False):
            answers[number] = answer
            self._streak = self._streak + 1 if isinstance(answer, Refused) else 0
            if isinstance(answer, Away) or self._streak > STREAK or time.monotonic() > ends:
                break
        return answers

    def _save(self, settled: _Settled, now: datetime, fence: Fence) -> None:
        def save(connection: Any) -> None:
            for one, reason in settled.refused:
                store.park(connection, self._name, one, reason, now)
            store.save_blocks(connection, self._name, settled.moved, settled.closed)
            sent, left_out = settled.sent, settled.left_out
            if sent or left_out or settled.refused:
                store.note(connection, self._name, now, sent=sent, left_out=left_out)

        if settled.moved or settled.closed or settled.refused:
            self._doing.write(save, fence)
        for one, reason in settled.refused:
            log.warning("forward_parked", receiver=self._name, event_id=one.id, reason=reason)
        self._count("sent", settled.sent)
        self._count("left_out", settled.left_out)
        self._count("parked", len(settled.refused))
        if settled.failure is None and self._streak > STREAK:
            settled.failure = Away(f"refused {self._streak} events one after the other: "
                                   f"{settled.refused[-1][1]}")  # fmt: skip

    # -- what somebody wants to have sent once more -------------------------------------------------

    def _again(self, sender: Sends, now: datetime, fence: Fence) -> Away | None:
        wanted = self._doing.read(lambda c: store.wanted_again(c, self._name, PAGE))
        events = [onward(_decode(raw)) for _, raw in wanted]
        for (number, _), answer in zip(wanted, sender.send(events) if events else (), strict=False):
            if isinstance(answer, Away):
                return answer
            self._settle_again(number, answer, now, fence)
        return None

    def _settle_again(
        self, number: int, answer: Refused | None, now: datetime, fence: Fence
    ) -> None:
        refused = None if answer is None else answer.reason

        def settle(connection: Any) -> None:
            store.settle_again(connection, self._name, number, refused)
            if refused is None:
                store.note(connection, self._name, now, sent=1, left_out=0)

        self._doing.write(settle, fence)
        self._count("sent" if refused is None else "parked", 1)

    # -- how it goes -----------------------------------------------------------------------------

    def _state(self, now: datetime, fence: Fence) -> store.Receiver:
        state = self._doing.read(store.receivers).get(self._name)
        if state is None:
            beginning = self.told.start == "beginning"
            self._doing.write(
                lambda c: store.introduce(c, self._name, now, beginning=beginning), fence
            )
            state = self._doing.read(store.receivers)[self._name]
        return state

    def _fail(self, failure: Away, failures: int, now: datetime, fence: Fence) -> None:
        chance = random.random()  # noqa: S311  spreads load, guards nothing
        pause = timedelta(seconds=pause_after(failures, failure.retry_after_s, chance))
        log.warning(
            "forward_failed", receiver=self._name, error=failure.reason, failures=failures,
            pause_s=round(pause.total_seconds(), 1),
        )  # fmt: skip
        self._doing.write(
            lambda c: store.fail(c, self._name, failure.reason, now + pause, failures), fence
        )
        self._count("failed", 1)
        self.close()  # it is made anew, with secrets as they are then

    def _tell(self, now: datetime, failure: Away | None) -> None:
        self._told_at = now
        waiting = self._doing.read(lambda c: store.oldest_waiting(c, self._name, now))
        lag = 0.0 if waiting is None else max(0.0, (now - waiting).total_seconds())
        parked = self._doing.read(store.count_parked).get(self._name, 0)
        self._metrics.forward_lag_seconds.labels(self._name).set(lag)
        self._metrics.forward_parked.labels(self._name).set(parked)
        self._metrics.forward_trouble.labels(self._name).set(failure is not None)

    def _count(self, result: str, count: int) -> None:
        if count:
            self._metrics.forward_events.labels(self._name, result).inc(count)


class _Settled:
    """What became of a page: how far it is dealt with, in order and without a gap."""

    def __init__(self, page: Page, chosen: dict[int, Onward], answers: dict[int, Answer]) -> None:
        self.failure: Away | None = None
        self.refused: list[tuple[Stored, str]] = []
        self.moved: dict[int, Block] = {}
        self.closed = page.closed
        self.sent = self.left_out = 0
        self.is_cut = False
        for one in page.events:
            if not self._take(one, chosen, answers):
                break
            self.moved[one.block] = Block(one.id, page.blocks[one.block].seen_at)
        for number in page.fresh:
            self.moved.setdefault(number, page.blocks[number])

    def _take(self, one: Stored, chosen: dict[int, Onward], answers: dict[int, Answer]) -> bool:
        """Whether it is dealt with."""
        if one.id not in chosen:
            self.left_out += 1
            return True
        if one.id not in answers:
            self.is_cut = True
            return False
        answer = answers[one.id]
        if isinstance(answer, Away):
            self.failure = answer
            return False
        if isinstance(answer, Refused):
            self.refused.append((one, answer.reason))
        else:
            self.sent += 1
        return True


def pause_after(failures: int, told_s: float | None, chance: float) -> float:
    """Seconds until the next try: doubling, spread by a quarter (`chance` 0..1), at least `told_s`."""
    usual = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(failures - 1, 10))
    return max(usual * (0.75 + chance / 2), min(told_s or 0.0, LONGEST_PAUSE_S))
