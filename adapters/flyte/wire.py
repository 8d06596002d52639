"""Objects as Flyte's admin service answers them (flyteidl.admin of Flyte 1.16).

Fields are those we use; what is empty is told as null, "" or 0.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from hub.errors import Unavailable

T = TypeVar("T")

SCHEDULED: Final = "SCHEDULED"
#: Phases of executions and of nodes that are over.
ENDED: Final = frozenset({"SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT", "SKIPPED", "RECOVERED"})


class Identifier(Struct, frozen=True):
    """Of a launch plan or a workflow."""

    project: str = ""
    domain: str = ""
    name: str = ""
    version: str = ""
    resource_type: str = ""


class ExecutionId(Struct, frozen=True):
    project: str
    domain: str
    name: str

    @property
    def path(self) -> tuple[str, str, str]:
        return self.project, self.domain, self.name


class NodeId(Struct, frozen=True):
    node_id: str
    execution_id: ExecutionId | None = None


class Error(Struct, frozen=True):
    code: str = ""
    message: str = ""


class Abort(Struct, frozen=True):
    cause: str = ""
    principal: str = ""


class Values(Struct, frozen=True):
    """Labels or annotations."""

    values: dict[str, str] | None = None


class Metadata(Struct, frozen=True):
    mode: str = ""
    principal: str = ""
    scheduled_at: datetime | None = None
    parent_node_execution: NodeId | None = None


class ExecutionSpec(Struct, frozen=True):
    launch_plan: Identifier
    metadata: Metadata | None = None
    labels: Values | None = None
    annotations: Values | None = None


class Closure(Struct, frozen=True):
    """What has become of an execution or a node."""

    phase: str = ""
    created_at: datetime | None = None
    started_at: datetime | None = None
    updated_at: datetime | None = None
    error: Error | None = None
    abort_metadata: Abort | None = None
    workflow_id: Identifier | None = None


class Execution(Struct, frozen=True):
    id: ExecutionId
    spec: ExecutionSpec
    closure: Closure

    @property
    def job(self) -> str:
        return f"{self.id.project}/{self.id.domain}/{self.spec.launch_plan.name}"


class Executions(Struct, frozen=True):
    executions: list[Execution] | None
    token: str = ""


class Node(Struct, frozen=True):
    id: NodeId
    closure: Closure


class Nodes(Struct, frozen=True):
    node_executions: list[Node] | None
    token: str = ""


class Rate(Struct, frozen=True):
    value: int = 0
    unit: str = "MINUTE"


class Cron(Struct, frozen=True):
    schedule: str = ""
    offset: str = ""


class Timing(Struct, frozen=True):
    rate: Rate | None = None
    cron_schedule: Cron | None = None
    cron_expression: str = ""


class PlanMetadata(Struct, frozen=True):
    schedule: Timing | None = None


class Concurrency(Struct, frozen=True):
    max: int = 0


class PlanSpec(Struct, frozen=True):
    workflow_id: Identifier | None = None
    entity_metadata: PlanMetadata | None = None
    concurrency_policy: Concurrency | None = None


class Variable(Struct, frozen=True):
    type: dict[str, Any] | None = None


class Parameter(Struct, frozen=True):
    var: Variable | None = None


class Parameters(Struct, frozen=True):
    parameters: dict[str, Parameter] | None = None


class PlanClosure(Struct, frozen=True):
    state: str = ""
    expected_inputs: Parameters | None = None
    created_at: datetime | None = None


class Plan(Struct, frozen=True):
    """A launch plan."""

    id: Identifier
    spec: PlanSpec = PlanSpec()
    closure: PlanClosure = PlanClosure()

    @property
    def job(self) -> str:
        return f"{self.id.project}/{self.id.domain}/{self.id.name}"


class Plans(Struct, frozen=True):
    launch_plans: list[Plan] | None
    token: str = ""


class Started(Struct, frozen=True):
    id: ExecutionId


def read(data: object, kind: type[T], at: str) -> T:
    """The answer as `kind`; Unavailable naming the address and the field if it is something else."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise Unavailable(f"{at} answered in another shape than Flyte's: {error}") from None
