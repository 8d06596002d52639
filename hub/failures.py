"""What sort of failure an error is, by its class and message, and what to do about it: pure.

The table is read from the top; what stands higher is more telling: a quota that is exceeded comes
with a 403, and a container that was killed for its memory with a lost connection.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final


class FailureClass(StrEnum):
    """Sorts of failure that ask for different things to do."""

    TRANSIENT = "transient"
    UPSTREAM_NOT_READY = "upstream_not_ready"
    AUTH = "auth"
    DATA_QUALITY = "data_quality"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    UNKNOWN = "unknown"


WHAT_TO_DO: Final = {
    FailureClass.TRANSIENT: "run it again; if it fails so again, look at the service it talks to",
    FailureClass.UPSTREAM_NOT_READY: "see whether what it reads was made, and may be read by it; "
    "run it again afterwards",
    FailureClass.AUTH: "renew or grant what it logs in with; running it again changes nothing",
    FailureClass.DATA_QUALITY: "look at the data it read before it is run again, and hold back "
    "who reads from it",
    FailureClass.TIMEOUT: "see what it waited for or why it was slow; raise its limit only if it "
    "has more to do than it used to",
    FailureClass.OUT_OF_MEMORY: "give it more memory or less data at a time; running it again "
    "mostly fails again",
    FailureClass.UNKNOWN: "read its log",
}

#: What is looked for in the last word of an error's class and in its message.
_TABLE: Final = [
    (
        FailureClass.OUT_OF_MEMORY,
        [
            r"OutOfMemory", r"Java heap space", r"GC overhead limit", r"OOM[ _-]?Kill",
            r"\bMemoryError\b", r"out of memory", r"Cannot allocate memory",
            r"Unable to allocate .*(array|[KMGT]i?B)", r"exceed\w* (the )?(\S+ )?memory",
            r"memory limit", r"Resources exceeded during query", r"Negsignal\.SIGKILL",
            r"(exit|return|status) ?(code)?:? ?(of )?(-9|137)\b",
        ],
    ),
    (
        FailureClass.TRANSIENT,
        [
            r"rate ?limit", r"Too Many Requests", r"(status|code|error|HTTP)\D{0,8}429\b",
            r"quota ?Exceeded", r"exceeded (your )?.*quota", r"Thrott(led|ling)", r"SlowDown\b",
            r"backendError",
        ],
    ),
    (
        FailureClass.AUTH,
        [
            r"permission ?denied", r"Access ?Denied", r"\bForbidden\b", r"Unauthorized",
            r"Unauthenticated", r"\b40[13]\b (Client|Forbidden|Unauthor)",
            r"(status|code|HTTP)\D{0,8}\b40[13]\b", r"authentication (failed|is not supported)",
            r"auth(entication|orization) error", r"login failed",
            r"Incorrect username or password", r"Insufficient privileges", r"not authorized to",
            r"does not have [\w.]+ (permission|access)", r"ExpiredToken",
            r"token (has |is )?expired", r"(Invalid|expired) (JWT|credentials|access token)",
            r"InvalidAccessKeyId", r"SignatureDoesNotMatch", r"no pg_hba\.conf entry",
            r"credentials? (could not|not found|expired)", r"Unable to locate credentials",
        ],
    ),
    (
        FailureClass.UPSTREAM_NOT_READY,
        [
            r"Sensor\w*(Timeout| has timed out)", r"upstream_failed",
            r"upstream (task|job)s? .*fail", r"ExternalTask(Failed|NotFound)",
            r"Dependencies for step .* (failed|not)", r"FileNotFound",
            r"No such file or directory", r"NoSuchKey", r"NoSuchBucket", r"Path does not exist",
            r"PATH_NOT_FOUND", r"TABLE_OR_VIEW_NOT_FOUND", r"(Table or view|table) not found",
            r"Not found: (Table|Dataset|URI)",
            r"(relation|table|view|object) \S+ does not exist", r"Unknown table",
            r"No partitions? found", r"partition .* (not ready|does not exist)",
        ],
    ),
    (
        FailureClass.DATA_QUALITY,
        [
            r"Got \d+ results?, configured to (fail|warn)", r"AssetCheckFailed",
            r"asset checks? .*failed", r"checks? (has |have )?failed", r"Expectation",
            r"data quality", r"contract (violation|has .*errors)",
            r"violates \S+(-\S+)? constraint", r"NOT NULL constraint", r"UNIQUE constraint",
            r"duplicate key", r"NULL result in a non-nullable", r"Duplicate row detected",
            r"UPDATE/MERGE must match", r"invalid input syntax for",
            r"value .* is not recognized", r"Bad (int64|double|bool) value", r"Could not parse",
            r"out of range for type", r"cannot be cast", r"CAST_INVALID_INPUT",
            r"UnicodeDecodeError", r"JSONDecodeError", r"ParserError", r"schema mismatch",
            r"while (reading data|parsing)", r"CSV (table|processing) encountered",
        ],
    ),
    (
        FailureClass.TRANSIENT,
        [
            r"Connection\w* ?(refused|reset|aborted|timed out|closed|error\b)",
            r"could not connect", r"ConnectionError", r"Read timed out", r"ReadTimeout",
            r"ConnectTimeout", r"connect timeout", r"name resolution",
            r"Name or service not known", r"getaddrinfo", r"No route to host", r"Broken pipe",
            r"server closed the connection", r"terminating connection",
            r"database system is (starting|shut)", r"too many (clients|connections)",
            r"remaining connection slots",
            r"deadlock", r"could not serialize access", r"lock(ed| timeout)",
            r"Lock wait timeout", r"(status|code|error|HTTP)\D{0,8}50[0234]\b",
            r"Service ?Unavailable", r"Bad Gateway", r"Internal ?Server ?Error",
            r"temporar(y|ily)", r"try again", r"ExecutorLost", r"FetchFailed",
            r"executor .*lost", r"Evicted", r"evicted", r"preempt",
            r"Node\w* .*(lost|shut ?down|not ready)", r"spot instance", r"zombie", r"heartbeat",
            r"ExecutionInterrupted", r"SIGTERM",
        ],
    ),
    (
        FailureClass.TIMEOUT,
        [
            r"Time(d)?[ -]?out", r"DeadlineExceeded", r"deadline exceeded",
            r"longer than specified deadline", r"exceeded .*time limit",
            r"canceling statement due to",
        ],
    ),
]  # fmt: skip
_PATTERNS: Final = [(sort, re.compile("|".join(those), re.IGNORECASE)) for sort, those in _TABLE]
#: Frames of a stack name files and functions, which tell nothing of the error.
_FRAMES: Final = re.compile(r'^\s*(File ".*|at [\w.$<>]+\(.*)\n?(\s{4,}.*\n?)*', re.MULTILINE)
#: Of a long message the begin and the end are read.
_READ: Final = 4000


def classify(error_class: str | None, message: str | None) -> FailureClass:
    """The sort of an error with this class and message; UNKNOWN if they tell nothing."""
    words = message or ""
    if len(words) > 2 * _READ:
        words = f"{words[:_READ]}\n{words[-_READ:]}"
    told = f"{(error_class or '').rpartition('.')[2]} {_FRAMES.sub('', words)}"
    found = (sort for sort, pattern in _PATTERNS if pattern.search(told))
    return next(found, FailureClass.UNKNOWN)
