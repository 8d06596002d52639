"""One event's reading: where we are in it, what was survived, and the limits of its texts.

Limits. Names of jobs and datasets are index keys: 512 bytes of namespace and 2,048 of name together
stay below the 2,704 bytes that a PostgreSQL B-tree row can hold; longer ones are refused. Every
other word is cut at 2,048 characters and long text at 16,384, with a warning; the facet is kept
whole. Integers must fit 64 bits, signed.
"""

from datetime import datetime
from uuid import NAMESPACE_URL, UUID, uuid5

from hub import model
from hub.errors import BadInput
from hub.model import EntityName, EventType
from hub.openlineage.faults import shown, spot
from hub.openlineage.times import read_time

NAMESPACE_BYTES = 512
NAME_BYTES = 2_048
WORD = 2_048
TEXT = 16_384
BIGINT = 2**63

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class Reading:
    """Checks values of one event. `below` is the rest of the path, told only when it is needed."""

    __slots__ = ("event_type", "replaced", "warnings", "where")

    def __init__(self, *, replaced: bool = False) -> None:
        self.event_type = EventType.OTHER
        self.warnings: list[model.Warning] = []
        self.where: tuple[str | int, ...] = ()
        self.replaced = replaced
        if replaced:
            self.warn("NUL characters or lone surrogates replaced")

    def path(self, *below: str | int) -> str:
        return spot((*self.where, *below))

    def warn(self, message: str, *below: str | int) -> None:
        self.warnings.append(model.Warning(self.path(*below), message))

    def entity(self, namespace: str, name: str, *below: str | int) -> EntityName:
        """The name of a job or dataset; an empty namespace is `default`, as in Marquez."""
        if not namespace:
            self.warn("is empty, taken as default", *below, "namespace")
            namespace = "default"
        self._check_name(namespace, NAMESPACE_BYTES, *below, "namespace")
        self._check_name(name, NAME_BYTES, *below, "name")
        return EntityName(namespace, name)

    def _check_name(self, value: str, limit: int, *below: str | int) -> None:
        if not value:
            raise BadInput(self.path(*below), shown(value), "a name")
        if len(value) * 4 > limit and len(value.encode()) > limit:
            raise BadInput(self.path(*below), shown(value), f"at most {limit} bytes of UTF-8")
        if self.replaced and REPLACEMENT in value:
            raise BadInput(self.path(*below), shown(value), "text without NUL or lone surrogates")

    def word(self, value: str, *below: str | int) -> str:
        return value if len(value) <= WORD else self._cut(value, WORD, *below)

    def maybe(self, value: str | None, *below: str | int) -> str | None:
        """A word that may be missing."""
        return value if value is None else self.word(value, *below)

    def text(self, value: str, *below: str | int) -> str:
        return value if len(value) <= TEXT else self._cut(value, TEXT, *below)

    def _cut(self, value: str, limit: int, *below: str | int) -> str:
        self.warn(f"cut at {limit:,} of {len(value):,} characters", *below)
        return value[:limit]

    def count(self, value: float | None, *below: str | int) -> int | None:
        """A number of things. Below zero means that it is not known (Spark, Iceberg)."""
        if value is None:
            return None
        if value != int(value) or not -BIGINT <= value < BIGINT:
            raise BadInput(self.path(*below), shown(value), "an integer of 64 bits")
        if value < 0:
            self.warn("is negative, taken as unknown", *below)
            return None
        return int(value)

    def small(self, value: int, *below: str | int) -> int:
        """An ordinal, of 32 bits."""
        if not -(2**31) <= value < 2**31:
            raise BadInput(self.path(*below), shown(value), "an integer of 32 bits")
        return value

    def time(self, value: str, *below: str | int) -> datetime:
        try:
            time, survived = read_time(value)
        except ValueError:
            raise BadInput(
                self.path(*below), shown(value), "an ISO 8601 time with its zone"
            ) from None
        if survived:
            self.warn(survived, *below)
        return time

    def run_id(self, value: str, job: EntityName, *below: str | int) -> bytes:
        """The 16 bytes of a run's UUID; of anything else a UUID made of it and its job's namespace."""
        if len(value) == 36 and value[8] == value[13] == value[18] == value[23] == "-":
            try:
                found = bytes.fromhex(value.replace("-", ""))
            except ValueError:
                found = b""
            if len(found) == 16:
                return found
        return self._made_up(value, job, *below)

    def _made_up(self, value: str, job: EntityName, *below: str | int) -> bytes:
        self._check_name(value, NAME_BYTES, *below)
        try:
            return UUID(value).bytes  # braces, urn:uuid:, no dashes
        except ValueError:
            self.warn("is no UUID, one was derived from it", *below)
        return uuid5(uuid5(NAMESPACE_URL, job.namespace), value).bytes
