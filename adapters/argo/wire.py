"""Objects as the Argo server answers them (API argoproj.io/v1alpha1).

Fields are those we use; what we don't know is ignored. Kubernetes writes null for a time that has not
come and for an empty list, and leaves out what is empty otherwise.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
from msgspec import Struct

from hub.errors import Unavailable

T = TypeVar("T")

_OWN: Final = "workflows.argoproj.io/"
#: Labels.
COMPLETED: Final = f"{_OWN}completed"
CRON: Final = f"{_OWN}cron-workflow"
TEMPLATE: Final = f"{_OWN}workflow-template"
CLUSTER_TEMPLATE: Final = f"{_OWN}cluster-workflow-template"
CREATOR: Final = f"{_OWN}creator"
#: Annotations.
SCHEDULED: Final = f"{_OWN}scheduled-time"
POD_NAMES: Final = f"{_OWN}pod-name-format"
ABOUT: Final = (f"{_OWN}description", f"{_OWN}title")
#: Phases.
SUCCEEDED: Final = "Succeeded"
FAILED: Final = frozenset({"Failed", "Error"})
ENDED: Final = FAILED | {SUCCEEDED, "Skipped", "Omitted"}
RETRY: Final = "Retry"


class Meta(Struct, frozen=True, rename="camel"):
    name: str
    namespace: str = ""
    uid: str = ""
    creation_timestamp: datetime | None = None
    generate_name: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}

    @property
    def uuid(self) -> UUID:
        try:
            return UUID(self.uid)
        except ValueError:
            return uuid5(NAMESPACE_URL, f"argo:{self.namespace}/{self.name}/{self.uid}")


class Place(Struct, frozen=True):
    """Of an artifact in an object store; without a bucket it lies in the default repository."""

    bucket: str = ""
    key: str = ""


class Artifact(Struct, frozen=True):
    name: str
    s3: Place | None = None
    gcs: Place | None = None


class Parameter(Struct, frozen=True):
    name: str
    value: Any = None


class Arguments(Struct, frozen=True):
    """Also the inputs and outputs of a node."""

    parameters: list[Parameter] | None = None
    artifacts: list[Artifact] | None = None


class Node(Struct, frozen=True, rename="camel"):
    """One of a workflow's tree. `children`: ids of nodes."""

    id: str
    name: str
    type: str
    display_name: str = ""
    template_name: str = ""
    phase: str = ""
    message: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    children: list[str] = []
    inputs: Arguments | None = None
    outputs: Arguments | None = None


class TemplateRef(Struct, frozen=True):
    name: str = ""


class Spec(Struct, frozen=True, rename="camel"):
    """shutdown: Stop or Terminate, once somebody has asked for it."""

    arguments: Arguments = Arguments()
    workflow_template_ref: TemplateRef | None = None
    shutdown: str = ""


class Status(Struct, frozen=True, rename="camel"):
    phase: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    message: str = ""
    nodes: dict[str, Node] = {}


class Workflow(Struct, frozen=True):
    metadata: Meta
    spec: Spec = Spec()
    status: Status = Status()

    @property
    def natural_id(self) -> str:
        """The name to ask for it, and the uid: names are used again."""
        return f"{self.metadata.name}/{self.metadata.uid}"


class Condition(Struct, frozen=True):
    type: str
    status: str = ""
    message: str = ""


class CronSpec(Struct, frozen=True, rename="camel"):
    """schedule: the only one, as before 3.6."""

    schedules: list[str] = []
    schedule: str = ""
    timezone: str = ""
    suspend: bool = False
    concurrency_policy: str = ""
    starting_deadline_seconds: int | None = None
    when: str = ""
    workflow_spec: Spec = Spec()

    @property
    def all(self) -> list[str]:
        return self.schedules or ([self.schedule] if self.schedule else [])


class CronStatus(Struct, frozen=True):
    """phase: Stopped, once its stop strategy has said so."""

    conditions: list[Condition] | None = None
    phase: str = ""


class CronWorkflow(Struct, frozen=True):
    metadata: Meta
    spec: CronSpec = CronSpec()
    status: CronStatus = CronStatus()


class Template(Struct, frozen=True):
    metadata: Meta


class ListMeta(Struct, frozen=True, rename={"more": "continue"}):
    more: str = ""


class Workflows(Struct, frozen=True):
    items: list[Workflow] | None
    metadata: ListMeta = ListMeta()


class CronWorkflows(Struct, frozen=True):
    items: list[CronWorkflow] | None
    metadata: ListMeta = ListMeta()


class Templates(Struct, frozen=True):
    items: list[Template] | None
    metadata: ListMeta = ListMeta()


class Version(Struct, frozen=True):
    version: str


class Entry(Struct, frozen=True, rename="camel"):
    """A line of a log."""

    content: str = ""
    pod_name: str = ""


class Streamed(Struct, frozen=True):
    """One message of a stream."""

    result: Entry | None = None


def read(data: object, kind: type[T], at: str) -> T:
    """The answer as `kind`; Unavailable naming the address and the field if it is something else."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise Unavailable(f"{at} answered in another shape than Argo's: {error}") from None
