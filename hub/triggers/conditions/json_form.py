"""The JSON of a condition: what its structs are, in camelCase, with a `type` for every node."""

from __future__ import annotations

from typing import Any

import msgspec

from hub.errors import BadInput
from hub.triggers.conditions.check import DEEPEST, faults
from hub.triggers.conditions.tree import Condition


def to_json(condition: Condition) -> dict[str, Any]:
    """`from_json(to_json(condition)) == condition`."""
    told: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(condition))
    return told


def from_json(told: object) -> Condition:
    """BadInput with the path of the mistake."""
    try:
        condition = msgspec.convert(told, Condition)
    except msgspec.ValidationError as error:
        told_of_it, _, path = str(error).partition(" - at ")
        path = path.strip("`").removeprefix("$").removeprefix(".")
        raise BadInput(path, told, "a condition", f"{told_of_it}.") from None
    except RecursionError:
        raise BadInput("when", "deep nesting", f"at most {DEEPEST} levels") from None
    for fault in faults(condition):
        raise BadInput(fault.path, fault.found, fault.expected)
    return condition
