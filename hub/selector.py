"""Which jobs or datasets are meant, by name, owner and tag: pure."""

from __future__ import annotations

from collections.abc import Container
from fnmatch import fnmatchcase
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from hub.model import EntityName


class Selectable(Protocol):
    """A subject as rules are chosen for it. `inner`: a job within a job, as a task in a Dag."""

    @property
    def name(self) -> EntityName: ...
    @property
    def team(self) -> str | None: ...
    @property
    def inner(self) -> bool: ...
    @property
    def orchestrator(self) -> str | None: ...


class Selector(BaseModel):
    """Which jobs or datasets; * is any text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    namespace: str = "*"
    name: str = "*"
    orchestrator: str = "*"
    team: str | None = None
    tag: str | None = Field(None, description="key, or key:value")
    inner: bool = Field(False, description="also jobs within jobs, such as the tasks of a Dag")

    def takes(self, one: Selectable, tags: Container[str] = ()) -> bool:
        return self.why_not(one, tags) is None

    def takes_name(self, name: EntityName) -> bool:
        return fnmatchcase(name.namespace, self.namespace) and fnmatchcase(name.name, self.name)

    @property
    def names(self) -> bool:
        """Whether it names jobs or datasets, or takes those of any name."""
        return (self.namespace, self.name) != ("*", "*")

    def why_not(self, one: Selectable, tags: Container[str] = ()) -> str | None:
        """Why a subject is not selected; None: it is."""
        if one.inner and not self.inner:
            return "it leaves out jobs within jobs, such as tasks (select.inner)"
        if self.team not in (None, one.team):
            return f"it selects what team {self.team} owns"
        if self.tag is not None and self.tag not in tags:
            return f"it selects what is tagged {self.tag}"
        if not self.takes_name(one.name):
            return f"it selects {self.namespace}:{self.name} only"
        if self.orchestrator != "*" and not fnmatchcase(one.orchestrator or "", self.orchestrator):
            return f"it selects what is of the orchestrator {self.orchestrator}"
        return None
