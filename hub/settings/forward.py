"""To whom lineage events are sent on, and which."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, Field, model_validator

from hub.settings.types import REFERENCE, SECRET_NAME, SECTION, Name, Words

#: They answer before anybody has the event, or hide that somebody does not.
_NO_PROMISE: Final = {
    "async_http": "use http: what waits in it is lost with the process",
    "composite": "declare a receiver for each",
}
EventType = Literal["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER", "JOB", "DATASET"]


class _Section(BaseModel):
    model_config = SECTION


class Only(_Section):
    """Which events; all that is asked for must hold. * is any text."""

    namespaces: Words = Field(default=["*"], description="of the job, else of the dataset")
    jobs: Words = Field(default=["*"], description="names of jobs")
    event_types: list[EventType] = Field(default=[], description="none is all")
    orchestrators: Words = Field(default=["*"], description="whose jobs")
    producers: Words = Field(default=["*"], description="URIs of who made the event")
    tags: Words = Field(default=[], description="of the job, any of them: key, or key:value")


class Receiver(_Section):
    """Another consumer of OpenLineage. `transport` as in openlineage.yml, secrets by reference."""

    name: Name
    transport: dict[str, Any] = Field(description="type and what openlineage-python asks for")
    start: Literal["now", "beginning"] = Field(
        "now", description="what a receiver that is new gets of what is stored"
    )
    only: Only = Only()

    @model_validator(mode="after")
    def _can_be_promised(self) -> Self:
        kind = str(self.transport.get("type") or "")
        if not kind:
            raise ValueError("transport.type: expected http, kafka, file, ...")
        if kind in _NO_PROMISE:
            raise ValueError(f"transport.type: {kind} can't promise anything; {_NO_PROMISE[kind]}")
        for path in _open_secrets(self.transport, "transport"):
            raise ValueError(f"{path} holds a secret: name its reference, as in env:NAME")
        return self


def _open_secrets(value: Any, path: str) -> Iterator[str]:
    """Where a secret stands itself."""
    if isinstance(value, dict):
        for name, inner in value.items():
            at = f"{path}.{name}"
            if isinstance(inner, str) and SECRET_NAME.search(str(name)):
                if not re.match(REFERENCE, inner):
                    yield at
            else:
                yield from _open_secrets(inner, at)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _open_secrets(inner, f"{path}.{number}")
