"""Lineage events without end, made of captured ones.

A play is what one orchestrator sent of one run, as it was captured (`payloads/*.jsonl`): a Dag run
with its tasks, retries and failures, or a Dagster run. A world stages plays side by side. Each
staging gets run ids (UUIDv7), times and natural ids of its own; jobs and datasets come from a
fixed troupe, since in production the same jobs run again and again. No two bodies are the same.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

PAYLOADS: Final = Path(__file__).parent / "payloads"
#: How often a play is staged, relative to the others: 4.2 KB per event on average.
BILL: Final = ("bigquery", "cron", "sql", "retry", "cron", "dagster", "sql")
#: Plays that are on stage at the same time: START and COMPLETE of a run are as many events apart.
STAGES: Final = 200
PACE: Final = timedelta(milliseconds=20)

Slots = dict[bytes, str]  # captured text -> name of the slot it stood in


class Play:
    """The events of one captured run, cut where a staging differs from the next."""

    def __init__(self, name: str) -> None:
        lines = (PAYLOADS / f"{name}.jsonl").read_bytes().splitlines()
        slots = _slots([json.loads(line) for line in lines])
        longest_first = sorted(slots, key=len, reverse=True)
        cut = re.compile(b"(" + b"|".join(map(re.escape, longest_first)) + b")")
        self.scenes = [[_slot_or(part, slots) for part in cut.split(line)] for line in lines]
        self.casts = {slot for slot in slots.values() if slot.startswith("name:")}
        self.runs = {slot for slot in slots.values() if slot.startswith("run:")}


def _slot_or(part: bytes, slots: Slots) -> str | bytes:
    return slots.get(part, part)


def _slots(events: list[dict[str, Any]]) -> Slots:
    slots: Slots = {}
    for event in events:
        slots[event["eventTime"].encode()] = "time"
        slots[event["run"]["runId"].encode()] = "run:" + event["run"]["runId"]
        slots[_base(event["job"]["name"]).encode()] = "name:" + _base(event["job"]["name"])
        for dataset in event.get("inputs", []) + event.get("outputs", []):
            slots[dataset["name"].encode()] = "name:" + dataset["name"]
        slots |= _slots_of_facets(event["run"].get("facets", {}))
    return slots


def _slots_of_facets(facets: dict[str, Any]) -> Slots:
    slots: Slots = {}
    if parent := facets.get("parent"):
        slots[parent["run"]["runId"].encode()] = "run:" + parent["run"]["runId"]
    if nominal := facets.get("nominalTime"):
        slots[nominal["nominalStartTime"].encode()] = "nominal"
    dag_run = (facets.get("airflow") or facets.get("airflowDagRun") or {}).get("dagRun", {})
    if natural := dag_run.get("run_id"):
        slots[natural.encode()] = slots[quote(natural, safe="").encode()] = "natural"
    return slots


def _base(job: str) -> str:
    """The Dag of a task, the job of an op."""
    return job.partition(".")[0]


class World:
    """An endless stream of events. `troupe` is how many jobs of each kind there are.

    Two worlds with different seeds share jobs and datasets but no run.
    """

    def __init__(self, seed: int, troupe: int = 100) -> None:
        self._random = random.Random(seed)
        self._troupe = troupe
        self._plays = {name: Play(name) for name in set(BILL)}
        self._now = datetime.now(UTC) - timedelta(hours=1)
        self._staged = 0

    def bodies(self) -> Iterator[bytes]:
        """Request bodies, one event each."""
        bill = cycle(BILL)
        stages = [self._stage(next(bill)) for _ in range(STAGES)]
        for number in cycle(range(STAGES)):
            body = next(stages[number], None)
            if body is None:
                stages[number] = self._stage(next(bill))
                body = next(stages[number])
            yield body

    def batches(self, size: int) -> Iterator[bytes]:
        """Request bodies, `size` events each, as a JSON array."""
        bodies = self.bodies()
        while True:
            yield b"[" + b",".join(islice(bodies, size)) + b"]"

    def _stage(self, name: str) -> Iterator[bytes]:
        play, values = self._plays[name], self._cast(self._plays[name])
        for scene in play.scenes:
            self._now += PACE
            values["time"] = self._now.isoformat().encode()
            yield b"".join(values[part] if isinstance(part, str) else part for part in scene)

    def _cast(self, play: Play) -> dict[str, bytes]:
        number = self._staged % self._troupe
        self._staged += 1
        values = {slot: f"{slot[5:]}_{number:04}".encode() for slot in play.casts}
        values |= {slot: self._uuid7().encode() for slot in play.runs}
        values["nominal"] = self._now.replace(microsecond=0).isoformat().encode()
        values["natural"] = b"scheduled__" + self._now.isoformat().encode()
        return values

    def _uuid7(self) -> str:
        at = int(self._now.timestamp() * 1000)
        tail = self._random.getrandbits(62)
        bits = at << 80 | 7 << 76 | self._random.getrandbits(12) << 64 | 2 << 62 | tail
        h = f"{bits:032x}"
        return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def main() -> None:
    """Says what the events are like."""
    started = time.process_time()
    bodies = list(islice(World(1).bodies(), 20_000))
    each = (time.process_time() - started) / len(bodies)
    print(
        f"{sum(map(len, bodies)) / len(bodies):,.0f} bytes per event, {each * 1e6:.1f} us to make"
    )
    print(bodies[4321].decode())


if __name__ == "__main__":
    main()
