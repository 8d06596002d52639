"""Why a subscription did or did not launch something, in one sentence: pure."""

from __future__ import annotations

from collections.abc import Sequence

from hub.store.arrival_views import ArrivalView, StandView
from hub.store.arrivals import Fate
from hub.store.subscriptions import Kept
from hub.triggers.arriving import Subscriber
from hub.triggers.deciding import paused


def state_of(kept: Kept, waiting: int) -> str:
    """refused, paused, waiting (something waits) or idle."""
    if kept.refusal is not None:
        return "refused"
    if kept.is_paused:
        return "paused"
    return "waiting" if waiting else "idle"


def why_all(
    one: Subscriber, stands: Sequence[StandView], waiting: int, last: Sequence[ArrivalView]
) -> str:
    """Of the subscription as a whole; stands: the longest waiting first; last: updates it saw."""
    kept = one.kept
    if kept.refusal is not None:
        return f"{kept.name} launches nothing: {kept.refusal}."
    if kept.is_paused:
        return f"{kept.name} is {paused(one)}; {_partitions(waiting)} held."
    if stands:
        more = f" (and {waiting - 1} more)" if waiting > 1 else ""
        return f"{kept.name} {_standing(stands[0])}{more}."
    if last:
        return f"{kept.name} waits for the next update; the latest {_fate(last[0])}."
    return f"{kept.name} has seen no update since {kept.created_at:%Y-%m-%d %H:%M} UTC."


def why_partition(
    one: Subscriber, partition: str, stand: StandView | None, seen: Sequence[ArrivalView]
) -> str:
    where = f"partition {partition!r}" if partition else "its target"
    if one.kept.refusal is not None:
        return f"{one.kept.name} launches nothing: {one.kept.refusal}."
    if stand is not None and stand.first_at is not None:
        if one.kept.is_paused:
            return f"{one.kept.name} is {paused(one)}: {where} is held."
        return f"For {where} {one.kept.name} {_standing(stand)}."
    if seen:
        return f"Nothing waits for {where}; the latest update {_fate(seen[0])}."
    return f"No update that {one.kept.name} saw counts for {where}."


def why_update(one: Subscriber, update: int, seen: Sequence[ArrivalView]) -> str:
    """seen: what it was for the subscription, by partition of the target; empty: nothing."""
    if not seen:
        return (
            f"{one.kept.name} did not see update {update}: it is of none of its inputs, was "
            "recorded before the subscription named them, or has not been looked at yet."
        )
    told = dict.fromkeys(
        _fate(each) + (f" (for {each.target_partition})" if len(seen) > 1 else "")
        for each in seen[:5]
    )
    return f"Update {update} {'; it '.join(told)}."


def _standing(stand: StandView) -> str:
    where = f" for {stand.partition}" if stand.partition else ""
    if stand.blocked is not None:
        return f"is held{where}, though its condition holds: {stand.blocked}"
    texts = "; ".join(one.text.removeprefix("waiting for ") for one in stand.waiting_for)
    since = "" if stand.first_at is None else f" since {stand.first_at:%Y-%m-%d %H:%M} UTC"
    return f"waits{where}{since} for {texts or 'the trigger loop'}"


def _fate(one: ArrivalView) -> str:
    told = {
        Fate.LAUNCHED: f"was launched (launch {one.launch}, {one.launch_state})",
        Fate.COALESCED: "was coalesced"
        if one.launch is None
        else f"was coalesced into launch {one.launch}",
        Fate.WAITING: "waits",
        Fate.REFUSED: "was refused",
        Fate.IGNORED: "was ignored",
    }.get(one.fate, "is held")
    return f"{told}: {one.reason}" if one.reason else told


def _partitions(count: int) -> str:
    return (
        "nothing is"
        if not count
        else "one partition is"
        if count == 1
        else f"{count} partitions are"
    )
