"""Facet `trackside_answer`: what an orchestrator itself answers about one attempt of a run.

Adapters make it of what they poll, and own engines may send it. It names the run by the
orchestrator's own id, so that what was pulled and what was pushed meet in one run, and it outweighs
what senders said of the attempt's end.
"""

from msgspec import field

from hub.openlineage.facets import Facet, Known, Reader
from hub.openlineage.reading import Reading

#: Wire name and field of the model, by how they are read.
_WORDS = {
    "naturalId": "natural_id",
    "parentNaturalId": "parent_natural_id",
    "partition": "partition",
    "backfill": "backfill",
    "url": "external_url",
}
_NUMBERS = {"mapIndex": "map_index", "attempt": "attempt"}
_TIMES = {"queuedAt": "queued_at", "startedAt": "started_at"}


class _Answer(Facet, rename="camel"):
    state: str
    natural_id: str | None = None
    map_index: int | None = None
    parent_natural_id: str | None = None
    attempt: int | None = None
    will_retry: bool = False
    relayed: bool = False
    queued_at: str | None = None
    started_at: str | None = None
    external_url: str | None = field(default=None, name="url")
    partition: str | None = None
    backfill: str | None = None


def _answer(facet: _Answer, known: Known, reading: Reading) -> None:
    known["own_state"] = reading.word(facet.state, "state")
    known["will_retry"] = facet.will_retry
    known["relayed"] = facet.relayed
    for names, read in (
        (_WORDS, reading.word),
        (_NUMBERS, reading.small),
        (_TIMES, reading.time),
    ):
        for wire, name in names.items():
            if (value := getattr(facet, name)) is not None:
                known[name] = read(value, wire)


ANSWER = {"trackside_answer": Reader(_Answer, _answer)}
