"""Starting workflows. A launch's key gives the workflow its name, and Kubernetes has no second one of
that name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec

from adapters.argo.api import BASE, Api, seg
from adapters.argo.events import PARTITION, Place
from adapters.argo.wire import Template, Workflow
from hub.errors import Declined, NotReady, Unavailable
from hub.ports import Json, Launched, LaunchKind, LaunchRequest

#: What may be submitted, in this order, where several are called alike.
_KINDS: Final = (("WorkflowTemplate", "workflow-templates"), ("CronWorkflow", "cron-workflows"))
_CLUSTER: Final = ("ClusterWorkflowTemplate", "cluster-workflow-templates")
#: A workflow's name is a label of its pods, which have at most 63 letters.
_STEM: Final = 40
_UNSAFE: Final = frozenset(",=")


def launch(api: Api, place: Place, request: LaunchRequest) -> Launched:
    """Submits a template or a cron workflow, also one that is suspended."""
    if request.kind is LaunchKind.ASSET_EVENT:
        raise Declined("Argo knows no datasets: launch a template or a cron workflow")
    if request.failed is not None:
        raise Declined("retries of Argo are not asked for: launch it anew (anew: true)")
    if (earlier := find_launched(api, place, request)) is not None:
        return earlier
    kubernetes, name = _split(request)
    path = f"{BASE}/workflows/{seg(kubernetes)}/submit"
    body = {
        "namespace": kubernetes,
        "resourceKind": _kind(api, kubernetes, name),
        "resourceName": name,
        "submitOptions": _options(request, name),
    }
    answer = api.http.ask("POST", path, json=body, repeat=True)
    if answer.status == HTTPStatus.CONFLICT:
        if (earlier := find_launched(api, place, request)) is not None:
            return earlier
        raise Unavailable(f"the workflow {name_of(request)} was there and is gone: launch it anew")
    if not answer.ok:
        raise api.http.failure(answer, path, _MEND.get(answer.status, ""))
    return _told(request, api.read(answer, path, Workflow), place, again=False)


def find_launched(api: Api, place: Place, request: LaunchRequest) -> Launched | None:
    kubernetes, _ = _split(request)
    row = api.named(kubernetes, name_of(request))
    return None if row is None else _told(request, row, place, again=True)


def name_of(request: LaunchRequest) -> str:
    """Of the workflow: the same for the same key."""
    _, name = _split(request)
    digest = hashlib.blake2b(request.key.encode(), digest_size=8).hexdigest()
    return f"{name[:_STEM].rstrip('-.')}-{digest}"


def _split(request: LaunchRequest) -> tuple[str, str]:
    kubernetes, _, name = request.job.name.partition("/")
    if not kubernetes or not name:
        wanted = "<Kubernetes namespace>/<template or cron workflow>"
        raise Unavailable(f"{request.job.name!r} is not {wanted}", permanent=True)
    return kubernetes, name


def _kind(api: Api, kubernetes: str, name: str) -> str:
    for kind, where in _KINDS:
        if api.find(f"{BASE}/{where}/{seg(kubernetes)}/{seg(name)}", Template) is not None:
            return kind
    kind, where = _CLUSTER
    answer = api.http.ask("GET", f"{BASE}/{where}/{seg(name)}")
    if answer.ok:
        return kind
    if answer.status in {HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN}:
        told = f"there is no template and no cron workflow {name!r} in {kubernetes!r}"
        raise NotReady(f"{told}: apply it, or cancel the launch")
    raise api.failure(answer, f"{BASE}/{where}")


def _options(request: LaunchRequest, name: str) -> Json:
    """Argo takes parameters as name=value, and labels and annotations in one line of such."""
    labels = {"trackside-launch": name_of(request).rpartition("-")[2]}
    options: Json = {
        "name": name_of(request),
        "generateName": f"{name}-",
        "parameters": [f"{key}={_value(value)}" for key, value in sorted(request.conf.items())],
        "labels": ",".join(f"{key}={value}" for key, value in labels.items()),
    }
    if annotations := ",".join(f"{key}={value}" for key, value in _notes(request)):
        options["annotations"] = annotations
    return options


def _notes(request: LaunchRequest) -> Iterator[tuple[str, str]]:
    told = {PARTITION: request.partition}
    if request.cause is not None:
        told["trackside/cause-run"] = request.cause.run_id
    for key, value in told.items():
        if value and not _UNSAFE & set(value):
            yield key, value


def _value(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _told(request: LaunchRequest, row: Workflow, place: Place, *, again: bool) -> Launched:
    return Launched(request.key, row.natural_id, place.page(row.metadata), again)


_MEND: Final[Mapping[int, str]] = {
    HTTPStatus.BAD_REQUEST: "the conf of a launch are the workflow's parameters: mend them",
    HTTPStatus.UNAUTHORIZED: "check `token`",
    HTTPStatus.FORBIDDEN: "let the service account of `token` create workflows of argoproj.io, and "
    "get workflowtemplates and cronworkflows",
}
