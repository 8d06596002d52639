"""Starting executions. A launch's key is the token by which Amazon starts no second one."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Final

import msgspec

from adapters.sagemaker.api import Api
from adapters.sagemaker.wire import execution_id
from hub.errors import Declined, NotReady
from hub.ports import Json, Launched, LaunchKind, LaunchRequest

#: How far back an execution is looked for by its name.
_BACK: Final = timedelta(days=7)


def launch(api: Api, request: LaunchRequest) -> Launched:
    """Starts a pipeline, or finds the execution that this key has started."""
    if request.kind is LaunchKind.ASSET_EVENT:
        raise Declined("SageMaker takes no updates of datasets: launch a pipeline")
    if request.failed is not None:
        raise Declined("retries of SageMaker are not asked for: launch it anew (anew: true)")
    arn = api.start(_body(request))
    if arn is None:
        told = f"there is no pipeline {request.job.name!r}: create it, or cancel the launch"
        raise NotReady(told)
    return Launched(request.key, execution_id(arn))


def find_launched(api: Api, request: LaunchRequest, now: float) -> Launched | None:
    """now: in seconds since 1970. By the name, which is made of the key."""
    name = name_of(request)
    for one in api.executions(request.job.name, now - _BACK.total_seconds(), "Descending"):
        if one.pipeline_execution_display_name == name:
            return Launched(request.key, execution_id(one.pipeline_execution_arn), again=True)
    return None


def token_of(request: LaunchRequest) -> str:
    """32 letters, the same for the same key."""
    return hashlib.blake2b(request.key.encode(), digest_size=16).hexdigest()


def name_of(request: LaunchRequest) -> str:
    return f"trackside-{token_of(request)}"


def _body(request: LaunchRequest) -> Json:
    parameters = [
        {"Name": key, "Value": _text(value)} for key, value in sorted(request.conf.items())
    ]
    return {
        "PipelineName": request.job.name,
        "PipelineExecutionDisplayName": name_of(request),
        "PipelineExecutionDescription": request.note[:1000] or "launched by trackside",
        "PipelineParameters": parameters,
        "ClientRequestToken": token_of(request),
    }


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
