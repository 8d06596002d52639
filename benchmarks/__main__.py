"""python -m benchmarks [which ...] [--keep]: figures against floors and peers, measured in one run."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from benchmarks import ingest
from benchmarks.machine import calibrate
from benchmarks.report import Section, heading, keep

Benchmark = Callable[[], Iterator[Section]]
BENCHMARKS: Final[Mapping[str, Benchmark]] = {"ingest": ingest.run}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("which", nargs="*", choices=[*BENCHMARKS, []], help="all, if none is named")
    parser.add_argument("--keep", action="store_true", help="put the figures into RESULTS.md")
    told = parser.parse_args()
    text = heading(calibrate())
    print(text)
    for name in told.which or BENCHMARKS:
        for section in BENCHMARKS[name]():
            print(f"\n{section}", flush=True)
            text += f"\n\n{section}"
    if told.keep:
        keep(text)


if __name__ == "__main__":
    main()
