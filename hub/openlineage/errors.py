"""The class of the exception behind an error message or a stack trace."""

import re

_NAMED = re.compile(
    r"(?:Caused by: |Exception in thread .*? )?(?:[\w$]+\.)*([A-Za-z_$][\w$]*)\s*(?::|$)"
)
_USUAL = (
    "Error", "Exception", "Timeout", "Interrupt", "Exit", "Failure", "Warning", "Fault",
)  # fmt: skip
_FRAMES = ('File "', "at ")
_LINE = 500  # characters of a line that are looked at


def exception_class(stack_trace: str | None, message: str) -> str | None:
    """The last exception named, which is the cause: `ValueError`, without its module."""
    for text in (stack_trace, message):
        if text and (name := _last_named(text.split("\n"))):
            return name
    return None


def _last_named(lines: list[str]) -> str | None:
    """By its usual ending; else by its place, the first full line after the last stack frame."""
    for line in reversed(lines):
        match = _NAMED.match(line[:_LINE]) if line[:1].isalpha() else None
        if match and match[1].endswith(_USUAL):
            return match[1]
    frames = [i for i, line in enumerate(lines) if line.lstrip().startswith(_FRAMES)]
    after = lines[frames[-1] + 1 :] if frames else []
    named = _NAMED.match(next((line for line in after if line[:1].strip()), "")[:_LINE])
    return named[1] if named and named[1][0].isupper() else None
