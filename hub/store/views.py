"""What reads return: the nouns as the read API shows them.

They carry Marquez's field names where Marquez has a word for a thing (DESIGN D12), and say more
where it has none. Encoded as they are; JSON that came in as a facet goes out byte by byte.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Raw, Struct

from hub.model import EntityName


class View(Struct, frozen=True, rename="camel", gc=False):
    """The base of all. A page makes thousands; none holds a cycle, so none is tracked for one."""


class VersionId(View, frozen=True):
    namespace: str
    name: str
    version: str | None


class NamespaceView(View, frozen=True):
    name: str
    created_at: datetime
    updated_at: datetime
    owner_name: str | None
    description: str | None
    is_hidden: bool


class SourceView(View, frozen=True):
    type: str
    name: str
    created_at: datetime
    updated_at: datetime
    connection_url: str
    description: str | None


class TagView(View, frozen=True):
    name: str
    description: str | None


class RunDatasetView(View, frozen=True):
    """One dataset of a run: its version as the run found or left it, and how much was moved."""

    dataset_version_id: VersionId
    facets: dict[str, Raw]
    partition: str | None
    rows: int | None
    bytes: int | None
    files: int | None


class RunView(View, frozen=True):
    """A run; its id is that of its latest attempt.

    backfill: of its orchestrator's own, by its id there; its state as the orchestrator calls it.
    """

    id: str
    job: EntityName
    created_at: datetime
    updated_at: datetime
    nominal_start_time: datetime | None
    nominal_end_time: datetime | None
    state: str
    started_at: datetime | None
    ended_at: datetime | None
    duration_ms: int | None
    args: dict[str, str]
    job_version: VersionId | None
    input_dataset_versions: list[RunDatasetView]
    output_dataset_versions: list[RunDatasetView]
    facets: dict[str, Raw]
    natural_id: str
    map_index: int
    attempt: int
    partition: str | None
    parent_run_id: str | None
    root_run_id: str | None
    error_class: str | None
    error_message: str | None
    external_url: str | None
    own_state: str | None
    queued_at: datetime | None
    backfill: str | None
    backfill_state: str | None


class JobView(View, frozen=True):
    id: EntityName
    type: str
    name: str
    simple_name: str
    parent_job_name: str | None
    parent_job_uuid: str | None
    created_at: datetime
    updated_at: datetime
    namespace: str
    inputs: list[EntityName]
    outputs: list[EntityName]
    location: str | None
    description: str | None
    latest_run: RunView | None
    latest_runs: list[RunView] | None
    facets: dict[str, Raw]
    current_version: str | None
    labels: list[str]
    tags: list[str]
    orchestrator: str | None
    integration: str | None
    kind: str | None
    owners: list[str]
    team: str | None


class JobVersionView(View, frozen=True):
    id: VersionId
    name: str
    created_at: datetime
    version: str
    namespace: str
    location: str | None
    inputs: list[EntityName]
    outputs: list[EntityName]
    latest_run: RunView | None


class FieldView(View, frozen=True):
    name: str
    type: str | None
    tags: list[str]
    description: str | None


class ColumnInput(View, frozen=True):
    """One column behind another. An empty `field` is the dataset as a whole."""

    namespace: str
    dataset: str
    field: str
    transformation_description: str | None
    transformation_type: str | None
    transformation_subtype: str | None = None
    masking: bool | None = None


class ColumnLineage(View, frozen=True):
    """What stands behind one column; the empty `name` holds for every column."""

    name: str
    input_fields: list[ColumnInput]
    transformation_description: str | None = None
    transformation_type: str | None = None


class DatasetView(View, frozen=True):
    id: EntityName
    type: str
    name: str
    physical_name: str
    created_at: datetime
    updated_at: datetime
    namespace: str
    source_name: str
    fields: list[FieldView]
    tags: list[str]
    last_modified_at: datetime | None
    last_lifecycle_state: str | None
    description: str | None
    current_version: str | None
    column_lineage: list[ColumnLineage] | None
    facets: dict[str, Raw]
    deleted: bool
    kind: str | None
    source_uri: str | None
    owners: list[str]
    team: str | None


class DatasetVersionView(View, frozen=True):
    """The dataset as one update left it (or, before any update, as one schema described it)."""

    id: EntityName
    type: str
    name: str
    physical_name: str
    created_at: datetime
    version: str
    namespace: str
    source_name: str
    fields: list[FieldView]
    tags: list[str]
    lifecycle_state: str | None
    description: str | None
    current_schema_version: str | None
    created_by_run: RunView | None
    facets: dict[str, Raw]
    partition: str | None
    rows: int | None
    bytes: int | None
    files: int | None
