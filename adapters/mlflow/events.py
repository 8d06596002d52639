"""Rows of MLflow as OpenLineage events: pure, so that the same row gives the same bytes.

An experiment is a job, its runs are runs. A registered model is the dataset `models/<model>`, each
version an update of it; an alias or a stage is a dataset of its own (`models/churn@champion`,
`models/churn/Production`), updated when it comes to mean another version. Both are written by runs of
jobs that are called like them. What was measured goes with each update, so that conditions can ask.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Struct

from adapters.base.lineage import Teller, dataset, named_by
from adapters.mlflow.wire import Dataset, Experiment, Model, Pair, Run, Version, moment
from hub.model import EntityName
from hub.ports import Json

MLFLOW: Final = Teller("https://github.com/trackside/trackside/adapters/mlflow", "MLFLOW")
PARENT_TAG: Final = "mlflow.parentRunId"
_OURS: Final = "mlflow."
_KINDS: Final = {"RUNNING": "START", "FINISHED": "COMPLETE", "FAILED": "FAIL", "KILLED": "ABORT"}
_REGISTERED: Final = {"READY": "COMPLETE", "FAILED_REGISTRATION": "FAIL"}
ENDED: Final = frozenset({"FINISHED", "FAILED", "KILLED"})
#: Where the source of a logged dataset tells its address.
_ADDRESSES: Final = ("uri", "url", "path")


class Place(Struct, frozen=True):
    """The namespace of jobs and models, and where people look at MLflow."""

    namespace: str
    url: str

    def name(self, name: str) -> EntityName:
        return EntityName(self.namespace, name)

    def run_page(self, run: Run) -> str:
        return f"{self.url}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"

    def version_page(self, model: str, version: str) -> str:
        return f"{self.url}/#/models/{quote(model, safe='')}/versions/{quote(version, safe='')}"


def uuid_of(run_id: str) -> UUID:
    """MLflow's run id, which is a UUID without its dashes unless the server makes its own."""
    try:
        return UUID(run_id)
    except ValueError:
        return uuid5(NAMESPACE_URL, f"mlflow:{run_id}")


def experiment_event(one: Experiment, place: Place, at: datetime) -> Json:
    facets = MLFLOW.job_facets("EXPERIMENT", tags=_tags(one.tags))
    return MLFLOW.job_event(moment(one.last_update_time) or at, place.name(one.name), facets)


def run_event(
    run: Run, experiment: str, place: Place, parent: tuple[str, str] | None = None
) -> Json | None:
    """parent: run id and experiment of the run that it is nested in. None: the row holds no time."""
    info = run.info
    started, ended = moment(info.start_time), moment(info.end_time)
    kind, word = _KINDS.get(info.status, "OTHER"), info.status
    if info.lifecycle_stage == "deleted" and info.status not in ENDED:
        kind, word = "ABORT", "deleted"
    at = (ended or started) if kind in {"COMPLETE", "FAIL", "ABORT"} else started
    if at is None:
        return None
    answer = MLFLOW.answer(
        word,
        info.run_id,
        attempt=1,
        parentNaturalId=parent[0] if parent else None,
        startedAt=started if kind != "OTHER" else None,
        queuedAt=started if kind == "OTHER" else None,
        url=place.run_page(run),
    )
    facets = {"trackside_answer": answer, "mlflow_run": _told(run)}
    if parent is not None:
        facets["parent"] = MLFLOW.parent(place.name(parent[1]), uuid_of(parent[0]))
    if tags := _tags(run.data.tags):
        facets["tags"] = MLFLOW.tags("Run", tags)
    return MLFLOW.run_event(
        kind, at, place.name(experiment), uuid_of(info.run_id), facets, inputs=inputs_of(run, place)
    )


def deleted_event(job: EntityName, run_id: str, at: datetime) -> Json:
    """A run that was deleted for good while it was open; `at`: when that was noticed."""
    answer = MLFLOW.answer("deleted", run_id, attempt=1)
    return MLFLOW.run_event("ABORT", at, job, uuid_of(run_id), {"trackside_answer": answer})


def version_event(
    version: Version, place: Place, run: Run | None, experiment: str | None
) -> Json | None:
    """That a version was registered. run: that made it, of which experiment, if it is still there."""
    at = moment(version.creation_timestamp)
    if at is None:
        return None
    job = place.name(f"models/{version.name}")
    facets = _ran(version.status, version.version, at, place.version_page(*_names(version)))
    if run is not None and experiment is not None:
        facets["parent"] = MLFLOW.parent(place.name(experiment), uuid_of(run.info.run_id))
        facets["trackside_answer"]["parentNaturalId"] = run.info.run_id
    kind = _REGISTERED.get(version.status, "START")
    run_id = uuid5(NAMESPACE_URL, f"mlflow:{job.namespace}/{job.name}/{version.version}")
    read = inputs_of(run, place) if run is not None else []
    outputs = [_model(job, version, run, partition=version.version)]
    return MLFLOW.run_event(
        kind, at, job, run_id, facets, job_facets=_REGISTRY, inputs=read, outputs=outputs
    )


def moved_event(
    name: str, version: Version, place: Place, run: Run | None, times: int, at: datetime
) -> Json:
    """That an alias or a stage means another version now. times: how often it has been moved."""
    job = place.name(f"models/{name}")
    word = f"{version.version}.{times}"
    run_id = uuid5(NAMESPACE_URL, f"mlflow:{job.namespace}/{job.name}/{word}")
    facets = _ran("READY", word, at, place.version_page(*_names(version)))
    read = [dataset(place.name(f"models/{version.name}"), {"version": _version(version)})]
    outputs = [_model(job, version, run)]
    return MLFLOW.run_event(
        "COMPLETE", at, job, run_id, facets, job_facets=_REGISTRY, inputs=read, outputs=outputs
    )


def model_event(model: Model, place: Place, at: datetime) -> Json:
    """What is declared of a registered model."""
    facets: dict[str, Json] = {"datasetType": _MODEL}
    if tags := _tags(model.tags):
        facets["tags"] = MLFLOW.tags("Dataset", tags)
    if model.description:
        facets["documentation"] = _documentation(model.description)
    about = dataset(place.name(f"models/{model.name}"), facets)
    return MLFLOW.dataset_event(moment(model.last_updated_timestamp) or at, about)


def inputs_of(run: Run, place: Place) -> list[Json]:
    """The datasets that were logged as read, each once."""
    found: dict[EntityName, Json] = {}
    for one in run.inputs.dataset_inputs:
        name = _name_of(one.dataset, place)
        facets: dict[str, Json] = {}
        if one.dataset.digest:
            version = one.dataset.digest
            facets["version"] = MLFLOW.facet(
                "1-0-1/DatasetVersionDatasetFacet", datasetVersion=version
            )
        found[name] = dataset(name, facets)
    return [found[name] for name in sorted(found)]


# -- parts ---------------------------------------------------------------------------------------

_MODEL: Final = MLFLOW.facet("1-0-0/DatasetTypeDatasetFacet", datasetType="MODEL")
_REGISTRY: Final = MLFLOW.job_facets("MODEL")


def _names(version: Version) -> tuple[str, str]:
    return version.name, version.version


def _ran(word: str, natural_id: str, at: datetime, url: str) -> dict[str, Json]:
    answer = MLFLOW.answer(word, natural_id, attempt=1, startedAt=at, url=url)
    return {"trackside_answer": answer}


def _model(name: EntityName, version: Version, run: Run | None, partition: str = "") -> Json:
    facets: dict[str, Json] = {"datasetType": _MODEL, "version": _version(version)}
    if version.description:
        facets["documentation"] = _documentation(version.description)
    io: Json = {}
    if partition:
        part = {"dimensions": {}, "identifier": partition}
        io["subset"] = MLFLOW.facet(
            "1-0-0/OutputSubsetOutputDatasetFacet",
            outputCondition={"type": "partition", "partitions": [part]},
        )
    if run is not None and (measured := _measured(run)):
        io["dataQualityAssertions"] = MLFLOW.facet(
            "1-0-2/DataQualityAssertionsDatasetFacet", assertions=measured
        )
    return dataset(name, facets, outputFacets=io)


def _measured(run: Run) -> list[Json]:
    """What the run measured, as conditions read it: the result of a check that nobody judges."""
    numbers = {metric.key: metric.number for metric in run.data.metrics}
    return [
        {"assertion": key, "name": key, "success": True, "actual": repr(number)}
        for key, number in sorted(numbers.items())
        if number is not None
    ]


def _version(version: Version) -> Json:
    return MLFLOW.facet("1-0-1/DatasetVersionDatasetFacet", datasetVersion=version.version)


def _documentation(text: str) -> Json:
    return MLFLOW.facet("1-1-0/DocumentationDatasetFacet", description=text)


def _tags(tags: Sequence[Pair]) -> dict[str, str]:
    """Those that people set."""
    return {tag.key: tag.value for tag in tags if not tag.key.startswith(_OURS)}


def _told(run: Run) -> Json:
    metrics = {one.key: one.number for one in run.data.metrics if one.number is not None}
    return MLFLOW.own_facet(
        "mlflow_run",
        name=run.info.run_name or None,
        user=run.info.user_id or None,
        params={one.key: one.value for one in run.data.params} or None,
        metrics=dict(sorted(metrics.items())) or None,
        source=run.tag("mlflow.source.name"),
        commit=run.tag("mlflow.source.git.commit"),
    )


def _name_of(one: Dataset, place: Place) -> EntityName:
    """By its address if its source tells one, else by the name it was logged with."""
    source = _source(one.source)
    address = next((source[key] for key in _ADDRESSES if isinstance(source.get(key), str)), "")
    if not address:
        return place.name(one.name or one.digest or "dataset")
    if address.startswith("/"):
        return EntityName("file", address)
    return named_by(address, place.namespace)


def _source(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
