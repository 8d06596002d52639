"""python -m benchmarks [which ...]: figures against floors and peers, measured in one run."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final, get_args

from benchmarks import (
    browser,
    evaluation,
    ingest,
    latency,
    memory,
    pages,
    polls,
    reads,
    scrape,
    telling,
    triggers,
)
from benchmarks.detection import creep, durations, prediction, suite
from benchmarks.hubs import Engine
from benchmarks.machine import calibrate
from benchmarks.report import Section, heading, keep


def read(*, full: bool) -> Iterator[Section]:
    """Reads side by side for stores of several sizes."""
    sizes = [2_000, 20_000, 100_000] if full else [2_000, 20_000]
    for engine in get_args(Engine):
        found = [reads.measure(engine, size, reads.READS) for size in sizes]
        name, slowest = max(found[1].items(), key=lambda item: item[1].p95)
        verdict = (
            f"slowest on {sizes[1]:,} jobs: {name}, p95 {slowest.p95:.0f} ms; wanted: under 50"
        )
        table = f"```\n{reads.table(engine, sizes, found)}\n```"
        yield Section(f"Reads, {engine}", [verdict], [table])


BENCHMARKS: Final[Mapping[str, Callable[..., Iterator[Section]]]] = {
    "browser": browser.run,
    "creep": creep.run,
    "detection": suite.run,
    "durations": durations.run,
    "evaluation": evaluation.run,
    "ingest": ingest.run,
    "latency": latency.run,
    "memory": memory.run,
    "pages": pages.run,
    "polls": polls.run,
    "prediction": prediction.run,
    "reads": read,
    "scrape": scrape.run,
    "telling": telling.run,
    "triggers": triggers.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "which", nargs="*", metavar="which", help=f"of {', '.join(BENCHMARKS)}; all"
    )
    parser.add_argument("--full", action="store_true", help="a million events, 100,000 jobs")
    parser.add_argument("--jobs", type=int, help="of the detection suite, if not 1,000")
    parser.add_argument(
        "--parts",
        type=Path,
        metavar="FOLDER",
        help="where finished parts of the detection suite are kept, and where it goes on from",
    )
    parser.add_argument("--keep", action="store_true", help="put the figures into RESULTS.md")
    told = parser.parse_args()
    if unknown := set(told.which) - set(BENCHMARKS):
        parser.error(f"there is no benchmark {', '.join(unknown)}")
    runs = dict(BENCHMARKS) | {
        "detection": partial(suite.run, jobs=told.jobs, folder=told.parts),
    }
    text = heading(calibrate())
    print(text)
    for name in told.which or BENCHMARKS:
        for section in runs[name](full=told.full):
            print(f"\n{section}", flush=True)
            text += f"\n\n{section}"
    if told.keep:
        keep(text)


if __name__ == "__main__":
    main()
