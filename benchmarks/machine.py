"""What work costs a process, and what this computer is worth today."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

_TICKS = os.sysconf("SC_CLK_TCK")


class Calibration(NamedTuple):
    """How fast the computer was: figures of two runs compare only as far as these do."""

    loop_ms: float  # CPU of a fixed loop of Python
    fsync_ms: float  # of 8 KB appended, median
    cores: int

    def __str__(self) -> str:
        loop, fsync = f"{self.loop_ms:.0f} ms", f"{self.fsync_ms:.2f} ms"
        return f"loop of Python {loop}, fsync {fsync}, {self.cores} cores"


def calibrate() -> Calibration:
    """Half a second's worth of both."""
    return Calibration(_loop_ms(), _fsync_ms(), os.cpu_count() or 1)


def cpu_s(pids: Iterable[int]) -> float:
    """CPU seconds, user and system, that the processes have used so far."""
    return sum(_ticks(pid) for pid in pids) / _TICKS


def family(pid: int) -> list[int]:
    """A process and its children, as PostgreSQL's are."""
    children = [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit()]
    return [pid, *(child for child in children if _parent(child) == pid)]


def rss_mb(pid: int) -> float:
    """Resident memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _ticks(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[11]) + int(fields[12]) if fields else 0


def _parent(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[1]) if fields else 0


def _stat(pid: int) -> list[str]:
    """The fields behind the name, none for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _loop_ms() -> float:
    def once() -> float:
        started = time.process_time()
        sum(i * i % 7 for i in range(1_000_000))
        return time.process_time() - started

    return 1000 * statistics.median(once() for _ in range(5))


def _fsync_ms() -> float:
    with tempfile.NamedTemporaryFile() as file:

        def once() -> float:
            file.write(bytes(8192))
            file.flush()
            started = time.perf_counter()
            os.fsync(file.fileno())
            return time.perf_counter() - started

        return 1000 * statistics.median(once() for _ in range(50))
