"""When to launch: conditions on updates of datasets, their text and JSON, and what they decide. Pure.

condition = parse("all(postgres://shop/orders, s3://lake/items) by 07:00 Europe/Berlin")
decide(condition, arrivals, past, facts, now).satisfied
"""

from hub.triggers.conditions.decide import decide
from hub.triggers.conditions.json_form import from_json, to_json
from hub.triggers.conditions.parse import parse
from hub.triggers.conditions.scanner import TextError
from hub.triggers.conditions.seen import (
    Arrival,
    Decision,
    Facts,
    GateAnswer,
    Ignored,
    Past,
    Wait,
)
from hub.triggers.conditions.text import to_text
from hub.triggers.conditions.tree import Condition, Quality, has_gate, inputs_of

__all__ = [
    "Arrival",
    "Condition",
    "Decision",
    "Facts",
    "GateAnswer",
    "Ignored",
    "Past",
    "Quality",
    "TextError",
    "Wait",
    "decide",
    "from_json",
    "has_gate",
    "inputs_of",
    "parse",
    "to_json",
    "to_text",
]
