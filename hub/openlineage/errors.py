"""The class of the exception behind an error message or a stack trace."""

import re

_NAMED = re.compile(
    r"(?:Caused by: |Exception in thread .*? )?(?:[\w$]+\.)*([A-Za-z_$][\w$]*)\s*(?::|$)"
)
_USUAL = (
    "Error", "Exception", "Timeout", "Interrupt", "Exit", "Failure", "Warning", "Fault",
)  # fmt: skip
_FRAMES = (" ", "\t")


def exception_class(stack_trace: str | None, message: str) -> str | None:
    """The last exception named, which is the cause: `ValueError`, without its module."""
    for text in (stack_trace, message):
        if text and (name := _last_named(text.split("\n"))):
            return name
    return None


def _last_named(lines: list[str]) -> str | None:
    """By its usual ending; else by its place, the first line after the last stack frame."""
    for line in reversed(lines):
        if line[:1].isalpha() and (match := _NAMED.match(line)) and match[1].endswith(_USUAL):
            return match[1]
    place = max((i for i, line in enumerate(lines) if line.startswith(_FRAMES)), default=None)
    if place is None or place + 1 >= len(lines):
        return None
    after = _NAMED.match(lines[place + 1])
    return after[1] if after and after[1][0].isupper() else None
