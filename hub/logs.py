"""Structured logs: one line is one action with a stable name, and no line holds a secret.

    log = structlog.get_logger()
    log.info("token_created", token_name="airflow-prod", scopes=["ingest"])

The first argument is the action: a lower-case name that dashboards and alerts may rely on.
"""

from __future__ import annotations

import logging
import logging.config
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

MASK: Final = "***"
DEPTH: Final = 6  # deeper values are told as text

#: Id of the request being served, told with every line that is logged on its behalf.
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

_SENSITIVE: Final = r"(?:password|passwd|pwd|secret|token|api[_-]?key)"
_SECRET_KEY = re.compile(rf"(?i)(^|[_.-])({_SENSITIVE}|authorization|cookie|credentials?)$")

#: What a secret looks like in running text; a group named `keep` stays readable.
_SECRETS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?P<keep>)\btsk_[0-9A-Za-z]{8,}",
        r"(?i)(?P<keep>\b(?:bearer|basic)\s+)[\w.~+/=-]{6,}",
        r"(?P<keep>\b[A-Za-z][A-Za-z0-9+.-]*://[^\s:/?#@]*:)[^\s/?#]+(?=@)",
        r"(?i)(?P<keep>\b(?:\w+[_-])?" + _SENSITIVE + r"[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;]{4,}",
        r"(?P<keep>)\bxox[abeoprs]-[\w-]{8,}",
        r"(?P<keep>hooks\.slack\.com/(?:services|workflows|triggers)/)[\w/]+",
        r"(?P<keep>)\bgh[opsu]_\w{20,}",
        r"(?P<keep>)\bAKIA[0-9A-Z]{16}\b",
        r"(?P<keep>)\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*",
    )
)
# Most lines hold none of these: one search tells, instead of one per pattern.
_SUSPECT = re.compile(
    r"(?i)tsk_|bearer|basic|@|passw|pwd|secret|token|api[_-]?key|xox|hooks\.slack|gh[opsu]_|akia|eyJ"
)


def mask(text: str) -> str:
    """The text with *** in place of everything that looks like a secret."""
    if not _SUSPECT.search(text):
        return text
    for pattern in _SECRETS:
        text = pattern.sub(rf"\g<keep>{MASK}", text)
    return text


def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """A structlog processor: masks secrets in every value, however deep, and by name of key."""
    return {key: _masked(key, value, DEPTH) for key, value in event.items()}


def _masked(key: object, value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(key, str) and _SECRET_KEY.search(key):
        return MASK
    if isinstance(value, str):
        return mask(value)
    return _masked_inside(value, depth - 1)


def _masked_inside(value: Any, depth: int) -> Any:
    if depth > 0 and isinstance(value, Mapping):
        return {mask(str(key)): _masked(key, item, depth) for key, item in value.items()}
    if depth > 0 and isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes):
        return [_masked(None, item, depth) for item in value]
    return mask(str(value))


def _with_request_id(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    current = request_id.get()
    if current is not None:
        event.setdefault("request_id", current)
    return event


def setup(level: str = "info", style: str = "console", stream: TextIO | None = None) -> None:
    """Routes all logs of the process, ours and the libraries', through one pipeline.

    level: debug, info, warning or error; style: console (for people) or json (for programs).
    """
    stream = stream or sys.stderr
    least = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*_shared(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(style, colors=stream.isatty()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(least)
    _tame_libraries(least)


def _shared() -> list[Processor]:
    return [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.UnicodeDecoder(),
        _with_request_id,
    ]


def _formatter(style: str, *, colors: bool) -> logging.Formatter:
    # Stack traces become text before `redact`, for they hold values too.
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            redact,
            _renderer(style, colors=colors),
        ],
    )


def _renderer(style: str, *, colors: bool) -> Callable[..., str]:
    if style == "console":
        return structlog.dev.ConsoleRenderer(colors=colors)
    rename = structlog.processors.EventRenamer("action")
    render = structlog.processors.JSONRenderer(ensure_ascii=False)

    def as_json(logger: WrappedLogger, method: str, event: EventDict) -> str:
        return str(render(logger, method, rename(logger, method, event)))

    return as_json


def _tame_libraries(least: int) -> None:
    """Lines of uvicorn take our way; its access log is silent, since `http_request` tells it."""
    for name in ("uvicorn", "uvicorn.error", "uvicorn.asgi"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    access = logging.getLogger("uvicorn.access")
    access.handlers.clear()
    access.propagate = False
    # It warns of each round that takes longer than its period, which is told as the loop's lag.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    for name in ("httpx", "httpcore", "alembic", "urllib3", "sqlalchemy.engine"):
        logging.getLogger(name).setLevel(max(least, logging.WARNING))
