from msgspec.structs import replace

from benchmarks.detection.durations import judged
from benchmarks.detection.score import Counts, count, lead, score
from benchmarks.detection.world import FAULTS, Shape, expected, history

SHAPE = Shape("daily", runs=90, monday=3, month_end=2, faulty=0.1)


def test_a_seed_gives_the_same_history_and_another_seed_another() -> None:
    assert history(SHAPE, 7) == history(SHAPE, 7)
    assert history(SHAPE, 7) != history(SHAPE, 8)


def test_a_longer_history_begins_with_the_shorter() -> None:
    longer = history(replace(SHAPE, runs=200), 7)
    assert longer.samples[:90] == history(SHAPE, 7).samples
    assert longer.faulty[:90] == history(SHAPE, 7).faulty


def test_without_chance_runs_take_what_the_calendar_and_faults_say() -> None:
    made = history(replace(SHAPE, sigma=0), 7)
    for i, (sample, faulty) in enumerate(zip(made.samples, made.faulty, strict=True)):
        times = round(sample.value / expected(SHAPE, i), 6)
        assert times in FAULTS if faulty else times == 1
    assert any(made.faulty)


def test_a_change_starts_with_its_run() -> None:
    changed = replace(SHAPE, step=1.25, change=40)
    assert expected(changed, 39) == expected(SHAPE, 39)
    assert expected(changed, 40) == 1.25 * expected(SHAPE, 40)
    assert expected(replace(SHAPE, growth=0.01, change=40), 42) == expected(SHAPE, 42) * 1.01**2


def test_alarms_are_counted_by_what_was_at_fault() -> None:
    told = [True, True, True, False, False]
    faulty = [True, False, False, True, False]
    assert count(told, faulty) == Counts(found=1, false=2, missed=1, judged=5)


def test_a_score_adds_up_all_histories() -> None:
    found = score([Counts(3, 1, 0, 50), Counts(1, 0, 2, 50)])
    assert (found.precision, found.false_per_1000) == (4 / 5, 10)
    assert (found.recall, found.f1) == (4 / 6, 8 / 11)
    assert found.low <= found.f1 <= found.high


def test_the_lead_over_oneself_is_nothing_and_over_a_blind_method_everything() -> None:
    perfect, blind = [Counts(2, 0, 0, 10)] * 5, [Counts(0, 0, 2, 10)] * 5
    assert lead(perfect, perfect) == (0, 0, 0)
    assert lead(perfect, blind) == (1, 1, 1)


def test_a_method_sees_only_what_was_before_and_its_own_alarms() -> None:
    made = history(SHAPE, 7)
    seen: list[list[bool]] = []

    def every_third(samples: object) -> bool:
        assert isinstance(samples, list)
        seen.append([sample.capped for sample in samples])
        return len(samples) % 3 == 0

    assert judged(every_third, made).judged == 90 - 22
    assert [len(flags) for flags in seen] == list(range(23, 91))
    assert not seen[-1][-1]
    assert [i + 1 for i, flag in enumerate(seen[-1]) if flag] == list(range(24, 90, 3))
