"""Reads the text of a condition.

    condition = node timing*
    node      = dataset | ("all" | "any" | count "of") "(" node ("," node)* ")"
                each with suffixes: "within" length          (groups)
                                    "where" bound ("and" bound)*   (datasets)
                                    "in" "the" "last" length
                                    "gate" "(" quality ("," quality)* ")"
    dataset   = namespace/name
    bound     = ("partition" | "tag" | "job" | "team") "is" pattern
              | metric (">=" | ">" | "<=" | "<" | "=") (number | metric "of" dataset ["or" number])
    quality   = "checks" "passed" | "no" "open" "incident" | "fresh" "within" length
    timing    = "debounce" length | "by" HH:MM [zone] | "at" "most" length "after" "the" "first"
              | "cron" quoted [zone]

Any part of a word may stand in quotes, and must if it has blanks or one of ( ) , < > = in it.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, Final, cast

from hub.model import EntityName
from hub.triggers.conditions import check
from hub.triggers.conditions.scanner import TextError, Token, tokens
from hub.triggers.conditions.text import FILTERS
from hub.triggers.conditions.tree import (
    All,
    AnyOf,
    Bound,
    ByTime,
    Condition,
    CronClock,
    MetricOf,
    Node,
    Operator,
    Quality,
    Some,
    Updated,
)

_NODE: Final = "a dataset (namespace/name), all(...), any(...) or a number and of (...)"
_LENGTH: Final = "a length of time, such as 6h, 5m or 1h30m"
_QUALITY: Final = "checks passed, no open incident or fresh within a length of time"
_OPERATORS: Final = (">=", ">", "<=", "<", "=")
_TIMING: Final = ("debounce", "by", "at most", "cron")


def parse(text: str) -> Condition:
    """TextError with line and column, what was expected there and what was found."""
    return _Parser(text).condition()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens(text)
        self._next = 0
        self._datasets = 0

    # -- words --------------------------------------------------------------------------------

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _fault(self, expected: str, hint: str = "", token: Token | None = None) -> TextError:
        token = token or self._token
        return TextError(self._text, token.place, _found(token), expected, hint)

    def _take(self) -> Token:
        token = self._token
        self._next += token.kind != "end"
        return token

    def _is(self, *words: str) -> bool:
        ahead = self._tokens[self._next : self._next + len(words)]
        return [_plain(token) for token in ahead] == list(words)

    def _accept(self, *words: str) -> bool:
        """Whether these come next; then they are passed by."""
        found = self._is(*words)
        if found:
            self._next += len(words)
        return found

    def _demand(self, *words: str) -> None:
        for word in words:
            if not self._accept(word):
                raise self._fault(f"`{word}`")

    # -- values -------------------------------------------------------------------------------

    def _length(self) -> int:
        seconds = self._token.seconds
        if seconds is None:
            raise self._fault(_LENGTH)
        if not check.is_length(seconds):
            raise self._fault(check.LENGTH)
        self._take()
        return seconds

    def _number(self, expected: str = "a number") -> float:
        number = self._token.number
        if number is None or number in (float("inf"), float("-inf")):
            raise self._fault(expected)
        self._take()
        return number

    def _some_text(self, expected: str) -> str:
        if self._token.kind != "word" or not self._token.text:
            raise self._fault(expected)
        return self._take().text

    def _dataset(self, expected: str) -> EntityName:
        token, slash = self._token, self._token.slash
        if slash is None:
            raise self._fault(expected, _no_slash(token))
        name = EntityName(token.text[:slash], token.text[slash + 1 :])
        if not name.namespace or not name.name:
            raise self._fault("a namespace and a name, with a slash between them")
        self._take()
        return name

    def _zone(self) -> str:
        """UTC where none is written."""
        if self._token.kind != "word" or self._timing_ahead():
            return "UTC"
        if not check.is_zone(self._token.text):
            raise self._fault(check.ZONE)
        return self._take().text

    # -- nodes --------------------------------------------------------------------------------

    def condition(self) -> Condition:
        when = self._node(1)
        start = self._next
        told: dict[str, Any] = {}
        while self._token.kind != "end":
            field, value = self._timing(told)
            told[field] = value
        condition = Condition(when, **told)
        if not check.cron_is_alone(condition):
            raise self._fault(check.ALONE, token=self._tokens[start])
        return condition

    def _node(self, depth: int) -> Node:
        if depth > check.DEEPEST:
            raise self._fault(f"at most {check.DEEPEST} levels of nesting")
        if self._is("all", "(") or self._is("any", "("):
            return self._group(depth, None)
        if self._token.bare is not None and self._token.bare.isdecimal():
            return self._group(depth, self._token)
        return self._leaf()

    def _group(self, depth: int, count: Token | None) -> Node:
        kind = self._take().text
        if count is not None:
            self._demand("of")
        self._demand("(")
        of = [self._node(depth + 1)]
        while self._accept(","):
            of.append(self._node(depth + 1))
        if not self._accept(")"):
            raise self._fault("`,`, `)` or more about the dataset before it", self._misplaced())
        told = self._suffixes({"within": self._within, **self._common()})
        if count is None:
            return (All if kind == "all" else AnyOf)(tuple(of), **told)
        if not 0 < int(kind) <= len(of):
            raise self._fault(f"a number from 1 to {len(of)}", token=count)
        return Some(tuple(of), count=int(kind), **told)

    def _leaf(self) -> Updated:
        self._datasets += 1
        if self._datasets > check.MOST:
            raise self._fault(f"at most {check.MOST} datasets")
        start = self._token
        dataset = self._dataset(_NODE)
        if self._is("within"):
            hint = "`within` follows a group; of one dataset write `in the last 6h`."
            raise self._fault("`where`, `in the last` or `gate`", hint)
        told = self._suffixes({"where": self._where, **self._common()})
        leaf = Updated(dataset, **told)
        for bound in leaf.bounds:
            if isinstance(bound.than, MetricOf) and bound.than.dataset == dataset:
                raise self._fault(check.OTHER, token=start)
        return leaf

    def _common(self) -> dict[str, Callable[[], dict[str, Any]]]:
        return {"in": self._in_last, "gate": self._gate}

    def _suffixes(self, kinds: dict[str, Callable[[], dict[str, Any]]]) -> dict[str, Any]:
        """In any order, each once."""
        told: dict[str, Any] = {}
        left = dict(kinds)
        while (word := _plain(self._token)) in kinds:
            if word not in left:
                raise self._fault(f"`{word}` once")
            told |= left.pop(word)()
        return told

    def _within(self) -> dict[str, Any]:
        self._demand("within")
        return {"within_s": self._length()}

    def _in_last(self) -> dict[str, Any]:
        self._demand("in", "the", "last")
        return {"in_last_s": self._length()}

    def _gate(self) -> dict[str, Any]:
        self._demand("gate", "(")
        gate = self._quality()
        while self._accept(","):
            gate |= self._quality()
        if not self._accept(")"):
            raise self._fault("`,` or `)`")
        return {"gate": gate}

    def _quality(self) -> Quality:
        if self._accept("checks"):
            self._demand("passed")
            return Quality(checks_passed=True)
        if self._accept("no"):
            self._demand("open", "incident")
            return Quality(no_open_incident=True)
        if self._accept("fresh"):
            self._demand("within")
            return Quality(fresh_within_s=self._length())
        raise self._fault(_QUALITY)

    # -- bounds -------------------------------------------------------------------------------

    def _where(self) -> dict[str, Any]:
        self._demand("where")
        told: dict[str, Any] = {}
        bounds: list[Bound] = []
        more = True
        while more:
            if (name := self._token.bare) in FILTERS:
                assert name is not None
                self._filter(name, told)
            else:
                bounds.append(self._bound())
            more = self._accept("and")
        return {**told, "bounds": tuple(bounds)}

    def _filter(self, name: str, told: dict[str, Any]) -> None:
        if name in told:
            raise self._fault(f"`{name}` once")
        self._take()
        self._demand("is")
        told[name] = self._some_text("a pattern, in which * is any text")

    def _bound(self) -> Bound:
        metric = self._some_text(f"a metric, such as rows, or one of {', '.join(FILTERS)}")
        if self._token.text not in _OPERATORS or self._token.kind != "sign":
            raise self._fault(", ".join(_OPERATORS), f"{metric} is taken for a metric.")
        op = cast("Operator", self._take().text)
        return Bound(metric, op, self._than())

    def _than(self) -> float | MetricOf:
        if self._token.number is not None:
            return self._number()
        metric = self._some_text("a number, or a metric of another dataset")
        self._demand("of")
        dataset = self._dataset("another dataset (namespace/name)")
        return MetricOf(metric, dataset, self._number() if self._accept("or") else None)

    # -- timing -------------------------------------------------------------------------------

    def _timing_ahead(self) -> bool:
        return _plain(self._token) in {"debounce", "by", "at", "cron"}

    def _timing(self, told: dict[str, Any]) -> tuple[str, Any]:
        start = self._token
        field, value = self._one_timing()
        if field in told:
            raise self._fault(f"`{start.text}` once", token=start)
        return field, value

    def _one_timing(self) -> tuple[str, Any]:
        if self._accept("debounce"):
            return "debounce_s", self._length()
        if self._accept("by"):
            return "by", ByTime(self._time(), self._zone())
        if self._accept("at"):
            self._demand("most")
            length = self._length()
            self._demand("after", "the", "first")
            return "at_most_s", length
        if self._accept("cron"):
            return "cron", CronClock(self._cron(), self._zone())
        raise self._fault(f"{', '.join(_TIMING)} or the end", self._meant())

    def _time(self) -> str:
        if not check.is_time(self._token.text):
            raise self._fault(check.TIME)
        return self._take().text

    def _cron(self) -> str:
        if self._token.bare is not None or not check.is_one_cron(self._token.text):
            raise self._fault(f"{check.CRON}, in quotes")
        return self._take().text

    # -- hints --------------------------------------------------------------------------------

    def _misplaced(self) -> str:
        if self._timing_ahead():
            return f"`{self._token.text}` belongs to the end of the whole condition."
        return self._meant()

    def _meant(self) -> str:
        """What a word was perhaps to be."""
        words = ("where", "within", "in", "gate", "debounce", "by", "at", "cron", "and")
        close = get_close_matches(self._token.bare or "", words, n=1)
        return f"Did you mean {close[0]!r}?" if close and not self._token.slash else ""


def _plain(token: Token) -> str | None:
    return token.text if token.kind == "sign" else token.bare


def _found(token: Token) -> str:
    return "the end" if token.kind == "end" else token.text


def _no_slash(token: Token) -> str:
    return "A dataset is written namespace/name." if token.kind == "word" else ""
