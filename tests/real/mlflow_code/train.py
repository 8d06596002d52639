"""Leaves a few runs and models on the server of MLFLOW_TRACKING_URI, and tells what it made as JSON."""

from __future__ import annotations

import json

import mlflow
from mlflow import MlflowClient
from mlflow.data.dataset_source_registry import resolve_dataset_source
from mlflow.data.meta_dataset import MetaDataset
from mlflow.entities import DatasetInput, InputTag


def read(client: MlflowClient, run_id: str, uri: str, name: str) -> None:
    source = resolve_dataset_source(uri)
    data = MetaDataset(source, name=name)._to_mlflow_entity()
    client.log_inputs(run_id, [DatasetInput(data, [InputTag("mlflow.data.context", "training")])])


def main() -> None:
    client = MlflowClient()
    churn = client.create_experiment("churn", tags={"team": "growth"})
    other = client.create_experiment("prices/daily")
    parent = client.create_run(churn, run_name="search", tags={"mlflow.user": "ann"})
    made = {"parent": parent.info.run_id, "versions": {}}
    client.create_registered_model("churn", description="Who will leave.", tags={"tier": "gold"})
    for number, score in enumerate((0.71, 0.78), 1):
        tags = {"mlflow.parentRunId": parent.info.run_id, "mlflow.user": "ann"}
        run_id = client.create_run(churn, run_name=f"try-{number}", tags=tags).info.run_id
        client.log_param(run_id, "depth", number)
        client.log_metric(run_id, "score", score - 0.2, step=1)
        client.log_metric(run_id, "score", score, step=2)
        read(client, run_id, "s3://lake/customers.parquet", "customers")
        client.set_terminated(run_id)
        version = client.create_model_version("churn", f"runs:/{run_id}/model", run_id)
        made["versions"][version.version] = run_id
    client.set_terminated(parent.info.run_id)
    client.set_registered_model_alias("churn", "champion", "1")
    client.transition_model_version_stage("churn", "1", "Production")
    failed = client.create_run(other, run_name="broken").info.run_id
    client.set_terminated(failed, "FAILED")
    killed = client.create_run(other, run_name="stopped").info.run_id
    client.set_terminated(killed, "KILLED")
    running = client.create_run(other, run_name="under way").info.run_id
    print("MADE " + json.dumps({**made, "failed": failed, "killed": killed, "running": running}))


if __name__ == "__main__":
    mlflow.set_tracking_uri(mlflow.get_tracking_uri())
    main()
