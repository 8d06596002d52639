"""What a backfill would run, in which order, and for how long: decided without a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import BadInput, Conflict
from hub.model import EntityName
from hub.schedules.grids import Cell, PartitionStatus
from hub.schedules.layouts import Layout
from hub.schedules.periods import Every, Period
from hub.schedules.stretches import Cut
from hub.triggers.backfills.estimate import Piece, estimate
from hub.triggers.backfills.graph import Asked, Dataset, Graph, Job, Part, Way, mapping_between
from hub.triggers.backfills.keys import keys_between
from hub.triggers.backfills.plan import plan
from hub.triggers.backfills.steps import Plan
from hub.triggers.partitions import sources_of

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
BERLIN = "Europe/Berlin"
COMPLETE, MISSING = PartitionStatus.COMPLETE, PartitionStatus.MISSING
FAILED, STALE = PartitionStatus.FAILED, PartitionStatus.STALE
#: On the day on which clocks are put back there are 25 hours, and 23 on the other.
LONG, SHORT = "2026-10-25", "2026-03-29"


def layout(every: Every, zone: str = "UTC") -> Layout:
    return Layout(zone, Cut(every, zone), Period(every))


def dataset(
    number: int,
    every: Every,
    parts: Mapping[str, PartitionStatus],
    level: int = 0,
    zone: str = "UTC",
) -> Dataset:
    told = {key: Part(status, key) for key, status in parts.items()}
    return Dataset(number, EntityName("db", f"d{number}"), level, layout(every, zone), told)


def job(number: int, reads: Sequence[int], writes: Sequence[int], **more: object) -> Job:
    told: dict[str, object] = {"seconds": 60.0} | more
    return Job(number, EntityName("ns", f"j{number}"), "flow", reads, writes, **told)  # type: ignore[arg-type]


def graph(datasets: Sequence[Dataset], jobs: Sequence[Job]) -> Graph:
    return Graph({one.id: one for one in datasets}, {one.id: one for one in jobs})


def days(first: int, last: int) -> list[str]:
    return [f"2026-10-{day:02}" for day in range(first, last + 1)]


def chain(*statuses: Mapping[str, PartitionStatus], **more: object) -> Graph:
    """d0 is made of d1 by j0, d1 of d2 by j1, ..."""
    datasets = [dataset(n, Every.DAY, told, n) for n, told in enumerate(statuses)]
    jobs = [job(n, [n + 1], [n], **more) for n in range(len(statuses) - 1)]
    return graph(datasets, [*jobs, job(len(statuses) - 1, [], [len(statuses) - 1])])


def told(made: Plan) -> list[tuple[str, str | None, str, list[int]]]:
    return [(one.job.name.name, one.partition, one.why, one.after) for one in made.steps]


def test_what_is_missing_is_made_after_what_it_is_made_of() -> None:
    whole = dict.fromkeys(days(1, 3), COMPLETE)
    given_ = chain(whole | {"2026-10-02": MISSING}, whole | {"2026-10-03": FAILED}, whole)
    made = plan(given_, Asked(0, days(1, 3)), NOW)
    assert told(made) == [
        ("j0", "2026-10-02", "missing", []),
        ("j1", "2026-10-03", "failed", []),
        ("j0", "2026-10-03", "follows", [2]),
    ]
    assert made.counts["missing"] == made.counts["failed"] == made.counts["follows"] == 1
    assert [looked.steps for looked in made.looked] == [2, 1, 0]


def test_downstream_all_that_is_made_of_it_follows() -> None:
    whole = dict.fromkeys(days(1, 3), COMPLETE)
    given_ = chain(whole, whole, whole)
    assert plan(given_, Asked(2, days(2, 2), Way.DOWNSTREAM), NOW).steps == []
    made = plan(given_, Asked(2, days(2, 2), Way.DOWNSTREAM, rerun=True), NOW)
    assert told(made) == [
        ("j2", "2026-10-02", "asked", []),
        ("j1", "2026-10-02", "follows", [1]),
        ("j0", "2026-10-02", "follows", [2]),
    ]


@pytest.mark.parametrize(("day", "hours"), [(LONG, 25), (SHORT, 23), ("2026-10-01", 24)])
def test_a_day_waits_for_all_of_its_hours_whatever_clocks_do(day: str, hours: int) -> None:
    given_ = graph(
        [dataset(0, Every.DAY, {}, zone=BERLIN), dataset(1, Every.HOUR, {}, 1, zone=BERLIN)],
        [job(0, [1], [0]), job(1, [], [1])],
    )
    made = plan(given_, Asked(0, [day]), NOW)
    assert len(made.steps) == hours + 1
    assert made.steps[-1].job.id == 0
    assert made.steps[-1].after == list(range(1, hours + 1))
    assert len({one.partition for one in made.steps}) == hours + 1


def test_what_cannot_be_launched_says_why_and_so_does_what_needs_it() -> None:
    datasets = [dataset(n, Every.DAY, {}, n) for n in range(3)]
    jobs = [job(0, [1], [0]), job(1, [2], [1], barred="no grant"), job(2, [], [2])]
    made = plan(graph(datasets, jobs), Asked(0, days(1, 1)), NOW)
    assert [one.barred for one in made.steps] == [
        None,
        "no grant",
        "it needs step 2, which can't be launched",
    ]


def test_what_nobody_writes_bars_what_needs_it_where_it_is_missing() -> None:
    datasets = [dataset(0, Every.DAY, {}), dataset(1, Every.DAY, {"2026-10-02": COMPLETE}, 1)]
    made = plan(graph(datasets, [job(0, [1], [0])]), Asked(0, days(1, 2)), NOW)
    reason = "db/d1 2026-10-01 is missing, and no job is known to write it"
    assert [one.barred for one in made.steps] == [reason, None]
    assert made.notes == ["no job is known to write db/d1, of which 1 partitions are missing"]


def test_one_job_that_writes_two_datasets_runs_once_for_a_partition() -> None:
    datasets = [dataset(n, Every.DAY, {}, n) for n in range(3)]
    jobs = [job(0, [1, 2], [0]), job(1, [], [1, 2])]
    made = plan(graph(datasets, jobs), Asked(0, days(1, 1)), NOW)
    assert [(one.job.id, len(one.writes)) for one in made.steps] == [(1, 2), (0, 1)]


def test_too_many_steps_are_refused_with_their_number() -> None:
    with pytest.raises(BadInput, match="at least 4"):
        plan(chain({}, {}), Asked(0, days(1, 2), most=3), NOW)


def test_jobs_that_wait_for_each_other_are_refused_with_the_way() -> None:
    datasets = [dataset(n, Every.DAY, {}, n) for n in range(2)]
    with pytest.raises(Conflict, match=r"j0 -> j1 -> j0|j1 -> j0 -> j1"):
        plan(graph(datasets, [job(0, [1], [0]), job(1, [0], [1])]), Asked(0, days(1, 1)), NOW)


def test_a_dataset_without_partitions_has_one_step_after_all_that_it_is_made_of() -> None:
    total = Dataset(
        0, EntityName("db", "d0"), 1, Layout("UTC"), {"": Part(COMPLETE, "")}, None, True
    )
    given_ = graph([total, dataset(1, Every.DAY, {})], [job(0, [1], [0]), job(1, [], [1])])
    made = plan(given_, Asked(1, days(1, 3), Way.DOWNSTREAM), NOW)
    assert told(made)[-1] == ("j0", None, "follows", [1, 2, 3])


def test_a_range_names_what_has_begun_and_leaves_out_the_days_that_have_none() -> None:
    every_day = layout(Every.DAY, BERLIN)
    found = keys_between(every_day, [], "2026-10-24", "2026-10-26", NOW)
    assert found == ["2026-10-24", "2026-10-25", "2026-10-26"]
    assert keys_between(every_day, [], "2026-11-29", "2027-01-01", NOW)[-1] == "2026-11-30"
    workdays = Layout("UTC", Cut(Every.DAY), Period(Every.DAY, 1, None, frozenset(range(5))))
    weekend = [Cell(workdays.place("2026-10-24"), COMPLETE)]
    found = keys_between(workdays, weekend, "2026-10-23", "2026-10-26", NOW)
    assert found == ["2026-10-23", "2026-10-24", "2026-10-26"]
    for since, to, path in (("x", "2026-10-01", "from"), ("2026-10-02", "2026-10-01", "to")):
        with pytest.raises(BadInput) as refused:
            keys_between(every_day, [], since, to, NOW)
        assert refused.value.path == path


STATUSES = st.sampled_from([COMPLETE, MISSING, FAILED, STALE])
EVERY = (Every.HOUR, Every.DAY, Every.WEEK)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Graph, list[str]]:
    """Datasets in a line of time zones that move clocks, each made of some of those behind it."""
    count = draw(st.integers(2, 5))
    zones = draw(st.lists(st.sampled_from([BERLIN, "UTC"]), min_size=count, max_size=count))
    cuts = draw(st.lists(st.sampled_from(EVERY), min_size=count, max_size=count))
    cuts[0] = Every.DAY
    datasets, jobs = [], []
    for n in range(count):
        keys = days(22, 27)
        some = (
            draw(st.dictionaries(st.sampled_from(keys), STATUSES)) if cuts[n] is Every.DAY else {}
        )
        datasets.append(dataset(n, cuts[n], some, n, zones[n]))
        behind = list(range(n + 1, count))
        reads = draw(st.lists(st.sampled_from(behind), unique=True)) if behind else []
        jobs.append(job(n, reads, [n]))
    return graph(datasets, jobs), days(24, 26)


@settings(max_examples=25)
@given(worlds())
def test_every_step_stands_behind_those_it_needs_and_no_partition_is_made_twice(
    world: tuple[Graph, list[str]],
) -> None:
    given_, keys = world
    made = plan(given_, Asked(0, keys), NOW)
    units = [(one.job.id, one.partition) for one in made.steps]
    assert len(set(units)) == len(units)
    assert [one.no for one in made.steps] == list(range(1, len(units) + 1))
    assert all(before < one.no for one in made.steps for before in one.after)
    numbers = {unit: no for no, unit in enumerate(units, 1)}
    for one in made.steps:
        for source in one.job.reads:
            its, own = given_.datasets[source], given_.datasets[one.job.id]
            needed = sources_of(mapping_between(its, own), one.partition or "") or ()
            made_too = {numbers[source, key] for key in needed if (source, key) in numbers}
            assert made_too <= set(one.after)


def test_the_estimate_plays_the_steps_in_the_room_there_is() -> None:
    a, b = EntityName("ns", "a"), EntityName("ns", "b")
    pieces = [Piece(n, a, (), 10.0) for n in range(1, 5)] + [Piece(5, b, (1,), 5.0)]
    assert estimate(pieces, 4, 4).total_s == 15.0
    assert estimate(pieces, 4, 1).total_s == 40.0
    assert estimate(pieces, 1, 1).total_s == 45.0
    assert estimate(pieces, 4, 4).critical_s == 15.0
    assert estimate(pieces, 4, 4).work_s == 45.0


def test_where_a_job_has_no_baseline_the_total_is_unknown_and_what_is_known_is_told() -> None:
    a, b = EntityName("ns", "a"), EntityName("ns", "b")
    found = estimate([Piece(1, a, (), 10.0), Piece(2, b, (1,), None)], 4, 4)
    assert (found.total_s, found.at_least_s, found.unknown_jobs) == (None, 10.0, [b])
