"""Backtests of rules: what one would have told of the past, as it stands or otherwise set."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from hub.access import Principal, viewer_of
from hub.api.answers import answer, answers
from hub.api.errors import RESPONSES
from hub.api.hub import Hub as RunningHub
from hub.api.params import Eyes, Hub, Text
from hub.api.rules import Reader, rules_seen
from hub.backtest.of_rule import RuleBacktest, Wanted
from hub.backtest.under_way import Backtest, BacktestState
from hub.errors import BadInput, ConfigError, NotFound
from hub.evaluate.calendars import ChoiceGiven
from hub.incidents import Flapping
from hub.selector import Selector

router: Final = APIRouter(prefix="/api/v1/backtests", tags=["incidents"], responses=RESPONSES)

Key = Annotated[str, Path(pattern="^[0-9a-f]{16}$", description="`id` of a backtest")]
#: How exact the times of incidents are.
STEP_S: Final = 60.0
MOST_WEEKS: Final = 260


class NewBacktest(BaseModel):
    """What to try. select, settings, calendar, flapping: of the rule otherwise than it stands; left
    out: as they stand. weeks: so many are counted; all that came in before is gone through, too.
    """

    model_config = ConfigDict(extra="forbid")

    rule: Text = Field(min_length=1, max_length=63, examples=["overrun"])
    weeks: int = Field(4, ge=1, le=MOST_WEEKS)
    select: Selector | None = None
    settings: dict[str, Any] | None = Field(None, examples=[{"limit_s": 5400}])
    calendar: ChoiceGiven | None = None
    flapping: Flapping | None = None

    @property
    def changed(self) -> dict[str, Any]:
        told = self.model_dump(mode="json", by_alias=True, exclude={"rule", "weeks"})
        return {name: value for name, value in told.items() if value is not None}


class BacktestView(Struct, frozen=True, rename="camel"):
    """A backtest. changed: what of the rule was tried otherwise than it stands. done, total: events gone through,
    of how many; total 0: not known yet. why: of one that failed. found: of one that completed.
    """

    id: str
    rule: str
    weeks: int
    changed: dict[str, Any]
    asked_at: datetime
    asked_by: str
    state: BacktestState
    done: int
    total: int
    ended_at: datetime | None
    why: str | None
    found: RuleBacktest | None


class Backtests(Struct, frozen=True):
    backtests: list[BacktestView]


@router.get("", responses=answers(Backtests))
def list_backtests(hub: Hub, eyes: Eyes) -> Response:
    """The latest backtests that somebody asked this hub for, while it runs. What they found is left out."""
    found = [view(one, bare=True) for one in hub.backtests.seen(eyes)]
    return answer(Backtests(found))


@router.post("", status_code=201, responses=answers(BacktestView, 201))
def start_backtest(asked: NewBacktest, hub: Hub, by: Reader) -> Response:
    """Starts one, in the background. Nothing is written into the store, and nobody is told anything."""
    return answer(view(started(hub, by, asked)), 201)


def started(hub: RunningHub, by: Principal, asked: NewBacktest) -> Backtest:
    """Raises NotFound of a rule that is not seen, Conflict while one of theirs is under way."""
    with hub.db.reading() as connection:
        if not any(one.name == asked.rule for one in rules_seen(hub, connection, by)):
            raise NotFound(f"Rule '{asked.rule}' not found.")
    wanted = Wanted(
        asked.rule,
        asked.weeks,
        viewer_of(by),
        hub.settings.rules,
        hub.settings.calendars,
        asked.changed,
        STEP_S,
    )
    try:
        wanted.books()
    except ConfigError as error:
        raise BadInput("settings", asked.changed, f"what the rule may be set to: {error}") from None
    return hub.backtests.start(_who(by), wanted)


@router.get("/{backtest}", responses=answers(BacktestView))
def get_backtest(backtest: Key, hub: Hub, eyes: Eyes) -> Response:
    """How far it is, and what it found."""
    return answer(view(hub.backtests.get(backtest, eyes)))


@router.delete("/{backtest}", responses=answers(BacktestView))
def cancel_backtest(backtest: Key, hub: Hub, eyes: Eyes) -> Response:
    """Ends it, if it is under way."""
    return answer(view(hub.backtests.cancel(backtest, eyes)))


def view(one: Backtest, *, bare: bool = False) -> BacktestView:
    return BacktestView(
        one.id,
        one.wanted.rule,
        one.wanted.weeks,
        one.wanted.changed,
        one.asked_at,
        one.who,
        one.state,
        one.done,
        one.total,
        one.ended_at,
        one.why,
        None if bare else one.found,
    )


def _who(by: Principal) -> str:
    return by.name
