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

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any, Final, cast

from hub.model import EntityName
from hub.triggers.conditions import check
from hub.triggers.conditions.reader import Reader
from hub.triggers.conditions.scanner import Token
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
_QUALITY: Final = "checks passed, no open incident or fresh within a length of time"
_OPERATORS: Final = (">=", ">", "<=", "<", "=")
#: Words that begin what follows a dataset, a group, and the whole.
_OF_LEAF: Final = ("where", "in", "gate")
_OF_GROUP: Final = ("within", "in", "gate")
_TIMING: Final = ("debounce", "by", "at", "cron")
#: How else people join datasets.
_JOINS: Final = {"and": "all", "&": "all", "or": "any", "|": "any", ",": "all"}

_Suffixes = dict[str, Callable[[], dict[str, Any]]]


def parse(text: str) -> Condition:
    """TextError with line and column, what was expected there and what was found."""
    return _Parser(text).condition()


class _Parser(Reader):
    _datasets = 0

    def condition(self) -> Condition:
        when = self._node(1)
        start = self.token
        told: dict[str, Any] = {}
        while self.token.kind != "end":
            field, value = self._timing(told, when)
            told[field] = value
        condition = Condition(when, **told)
        if not check.cron_is_alone(condition):
            raise self.fault(check.ALONE, token=start)
        return condition

    # -- nodes --------------------------------------------------------------------------------

    def _node(self, depth: int) -> Node:
        if depth > check.DEEPEST:
            raise self.fault(f"at most {check.DEEPEST} levels of nesting")
        if self.ahead("all", "(") or self.ahead("any", "("):
            kind = All if self.take().text == "all" else AnyOf
            return kind(self._members(depth), **self._after_group())
        if self.token.count is not None:
            return self._some(depth, self.take())
        return self._leaf()

    def _some(self, depth: int, token: Token) -> Some:
        self.demand("of")
        of = self._members(depth)
        count = token.count
        if count is None or not 0 < count <= len(of):
            raise self.fault(f"a number from 1 to {len(of)}", token=token)
        return Some(of, count=count, **self._after_group())

    def _members(self, depth: int) -> tuple[Node, ...]:
        self.demand("(")
        of = [self._node(depth + 1)]
        while self.accept(","):
            of.append(self._node(depth + 1))
        if not self.accept(")"):
            raise self.fault("`,`, `)` or more about what stands before it", self._misplaced())
        return tuple(of)

    def _after_group(self) -> dict[str, Any]:
        return self._suffixes({"within": self._within, "in": self._in_last, "gate": self._gate})

    def _leaf(self) -> Updated:
        self._datasets += 1
        if self._datasets > check.MOST:
            raise self.fault(f"at most {check.MOST} datasets")
        dataset = self.dataset(_NODE)
        if self.ahead("within"):
            hint = "`within` follows a group; of one dataset write `in the last 6h`."
            raise self.fault("`where`, `in the last` or `gate`", hint)
        kinds = {"where": lambda: self._where(dataset), "in": self._in_last, "gate": self._gate}
        return Updated(dataset, **self._suffixes(kinds))

    def _suffixes(self, kinds: _Suffixes) -> dict[str, Any]:
        """In any order, each once."""
        told: dict[str, Any] = {}
        left = dict(kinds)
        while (word := self.word) in kinds:
            if word not in left:
                raise self.fault(f"`{word}` once")
            told |= left.pop(word)()
        return told

    def _within(self) -> dict[str, Any]:
        self.demand("within")
        return {"within_s": self.length()}

    def _in_last(self) -> dict[str, Any]:
        self.demand("in", "the", "last")
        return {"in_last_s": self.length()}

    def _gate(self) -> dict[str, Any]:
        self.demand("gate", "(")
        gate = self._quality()
        while self.accept(","):
            gate |= self._quality()
        if not self.accept(")"):
            raise self.fault("`,` or `)`")
        return {"gate": gate}

    def _quality(self) -> Quality:
        if self.accept("checks"):
            self.demand("passed")
            return Quality(checks_passed=True)
        if self.accept("no"):
            self.demand("open", "incident")
            return Quality(no_open_incident=True)
        if self.accept("fresh"):
            self.demand("within")
            return Quality(fresh_within_s=self.length())
        raise self.fault(_QUALITY)

    # -- bounds -------------------------------------------------------------------------------

    def _where(self, dataset: EntityName) -> dict[str, Any]:
        self.demand("where")
        told: dict[str, Any] = {}
        bounds: list[Bound] = []
        more = True
        while more:
            name = self.token.bare
            if name is not None and name in FILTERS:
                self._filter(name, told)
            else:
                bounds.append(self._bound(dataset))
            more = self.accept("and")
        return {**told, "bounds": tuple(bounds)}

    def _filter(self, name: str, told: dict[str, Any]) -> None:
        if name in told:
            raise self.fault(f"`{name}` once")
        self.take()
        self.demand("is")
        told[name] = self.some_text("a pattern, in which * is any text")

    def _bound(self, dataset: EntityName) -> Bound:
        metric = self.some_text(f"a metric, such as rows, or one of {', '.join(FILTERS)}")
        if self.word not in _OPERATORS:
            raise self.fault(", ".join(_OPERATORS), f"{metric} is taken for a metric.")
        return Bound(metric, cast("Operator", self.take().text), self._than(dataset))

    def _than(self, dataset: EntityName) -> float | MetricOf:
        if self.token.number is not None:
            return self.number()
        metric = self.some_text("a number, or a metric of another dataset")
        if not self.accept("of"):
            raise self.fault("`of`", f"{metric} is taken for a metric of another dataset.")
        token, other = self.token, self.dataset("another dataset (namespace/name)")
        if other == dataset:
            raise self.fault(check.OTHER, token=token)
        return MetricOf(metric, other, self.number() if self.accept("or") else None)

    # -- timing -------------------------------------------------------------------------------

    def _timing(self, told: dict[str, Any], when: Node) -> tuple[str, Any]:
        start = self.token
        of_node = _OF_LEAF if isinstance(when, Updated) else _OF_GROUP
        field, value = self._one_timing(() if told else of_node)
        if field in told:
            raise self.fault(f"`{start.text}` once", token=start)
        return field, value

    def _one_timing(self, of_node: Sequence[str]) -> tuple[str, Any]:
        if self.accept("debounce"):
            return "debounce_s", self.length()
        if self.accept("by"):
            return "by", ByTime(self.time(), self._zone())
        if self.accept("at"):
            self.demand("most")
            length = self.length()
            self.demand("after", "the", "first")
            return "at_most_s", length
        if self.accept("cron"):
            return "cron", CronClock(self.cron(), self._zone())
        raise self.fault(f"{', '.join((*of_node, *_TIMING))} or the end", self._meant())

    def _zone(self) -> str:
        """UTC where none is written."""
        return "UTC" if self.token.kind == "end" or self.word in _TIMING else self.zone()

    # -- hints --------------------------------------------------------------------------------

    def _misplaced(self) -> str:
        if self.word in _TIMING:
            return f"`{self.word}` belongs to the end of the whole condition."
        return self._meant()

    def _meant(self) -> str:
        """What a word was perhaps to be."""
        word = self.word or ""
        if word in _JOINS:
            return f"Several datasets are written {_JOINS[word]}(a/b, c/d)."
        if word == "where":
            return "`where` follows a dataset, not a group."
        close = get_close_matches(word, (*_OF_LEAF, *_OF_GROUP, *_TIMING), n=1)
        return f"Did you mean `{close[0]}`?" if close and self.token.slash is None else ""
