"""A long run of the detection suite, in parts that are kept as they end."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from benchmarks.detection.data_faults import put_data
from benchmarks.detection.faults import put_faults
from benchmarks.detection.fleet import Fleet, fleet
from benchmarks.detection.orchestrators import put_troubles
from benchmarks.detection.parts import Part, Played, parts_of, play_parts
from benchmarks.detection.suite import RULES, play_part
from hub.evaluate.book import Book

SEED = 3


def company(jobs: int = 12, days: int = 9) -> Fleet:
    made = fleet(jobs, days, SEED)
    put_faults(made, SEED, share=0.3, before=2, between=2)
    put_data(made, SEED, share=0.3)
    put_troubles(made, SEED)
    return made


def counted(part: Part, *, folder: Path, broken: str = "") -> Played:
    """Leaves a line for each time that the part is played."""
    if part.name == broken:
        raise RuntimeError("cut off")
    with (folder / "played").open("a") as file:
        file.write(f"{part.name}\n")
    return Played([], len(part.made.histories), 0.0)


def played(folder: Path) -> list[str]:
    return sorted((folder / "played").read_text().split())


def test_a_run_that_was_cut_off_goes_on_with_what_is_left(tmp_path: Path) -> None:
    parts = parts_of(company(), group=3)
    names = sorted(part.name for part in parts)
    last = parts[-1].name
    with pytest.raises(RuntimeError, match="cut off"):
        play_parts(parts, partial(counted, folder=tmp_path, broken=last), tmp_path)
    assert played(tmp_path) == [name for name in names if name != last]
    found = play_parts(parts, partial(counted, folder=tmp_path), tmp_path)
    assert played(tmp_path) == names
    assert [one.items for one in found] == [len(part.made.histories) for part in parts]


def test_what_is_kept_of_other_jobs_is_not_taken(tmp_path: Path) -> None:
    play_parts(parts_of(company()), partial(counted, folder=tmp_path), tmp_path)
    play_parts(parts_of(company(days=10)), partial(counted, folder=tmp_path), tmp_path)
    assert len(played(tmp_path)) == 2 * len(set(played(tmp_path)))


def test_each_job_is_in_one_part_and_who_pushes_is_not_divided() -> None:
    made = company(60)
    parts = parts_of(made, group=5)
    names = [one.job.name for part in parts for one in part.made.histories]
    assert sorted(names) == sorted(one.job.name for one in made.histories)
    whose = [part.made.histories[0].job.orchestrator for part in parts]
    assert all(whose.count(one) == 1 for one in whose if not one.polled)
    assert all(whose.count(one) > 2 for one in whose if one.polled)
    assert sum(part.first for part in parts) == len(set(whose))


@pytest.mark.timeout(240)
def test_in_more_parts_the_same_is_told() -> None:
    """But for what is learned of durations: when that is depends on who is looked at beside."""
    made = company()
    rules = Book([one for one in RULES if one.kind not in ("overrun", "too_fast", "creep")])
    play = partial(play_part, seed=SEED, book=rules)

    def told(group: int) -> list[tuple[str, ...]]:
        some = play_parts(parts_of(made, group), play)
        return sorted(
            (one.kind, str(one.subject), str(one.since), one.state)
            for part in some
            for one in part.told
        )

    whole, divided = told(100), told(2)
    assert len(whole) > 20
    assert divided == whole
