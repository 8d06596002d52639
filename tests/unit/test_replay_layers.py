"""What a replay looks at together: nothing that happens twice to one subject."""

from __future__ import annotations

import json
from typing import Any

from hub.backtest.layers import layered
from hub.openlineage.decode import decode_event
from hub.record import Incoming, IncomingEvent
from hub.record.incoming import Sender, incoming_event
from tests.support.recording import micros, run_event


def event(kind: str, minute: float, job: str = "load", **io: Any) -> Incoming:
    raw = json.dumps(run_event(kind, minute, job=job, **io)).encode()
    return incoming_event(decode_event(raw), raw, raw, micros(minute), Sender())


def names(items: list[Incoming]) -> list[tuple[str, str]]:
    return [
        (it.event.job.name.name, it.event.event_type.value)
        for it in items
        if isinstance(it, IncomingEvent) and it.event.job is not None
    ]


def test_the_start_of_a_run_is_looked_at_before_its_end_comes() -> None:
    layer, rest = layered([event("START", 0), event("COMPLETE", 5)], micros(10))
    assert names(layer) == [("load", "START")]
    assert names(rest) == [("load", "COMPLETE")]


def test_other_jobs_do_not_wait() -> None:
    batch = [event("START", 0), event("COMPLETE", 5), event("START", 6, "other")]
    layer, rest = layered(batch, micros(10))
    assert names(layer) == [("load", "START"), ("other", "START")]
    assert names(rest) == [("load", "COMPLETE")]


def test_what_the_hub_would_see_at_one_look_stays_together() -> None:
    layer, rest = layered([event("START", 0), event("COMPLETE", 0.01)], micros(10))
    assert (len(layer), rest) == (2, [])


def test_who_waits_holds_back_all_that_follows_on_its_subjects() -> None:
    """The second update of a dataset waits for the first, and so does the job that made it."""
    batch = [
        event("COMPLETE", 0, "a", outputs=["x"]),
        event("COMPLETE", 2, "b", outputs=["x"]),
        event("START", 3, "b"),
    ]
    layer, rest = layered(batch, micros(10))
    assert names(layer) == [("a", "COMPLETE")]
    assert names(rest) == [("b", "COMPLETE"), ("b", "START")]


def test_what_comes_later_stays_for_later() -> None:
    layer, rest = layered([event("START", 0), event("START", 7, "other")], micros(5))
    assert names(layer) == [("load", "START")]
    assert names(rest) == [("other", "START")]
