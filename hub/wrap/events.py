"""The lineage events of a wrapped command."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterable
from typing import Any, Final

from hub.wrap.options import Options

_PRODUCER: Final = "https://trackside.dev/exec"
_SPEC: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/"
_FACETS: Final = "https://openlineage.io/spec/facets/"
_LINE: Final = 500
MASK: Final = "***"


class Events:
    """What is said of one run."""

    def __init__(self, options: Options, run_id: str, parent: str | None) -> None:
        self._options = options
        self._run_id = run_id
        self._parent = parent_of(parent)

    def started(self, at_ns: int) -> bytes:
        command = " ".join(self._options.command)
        process = facet(
            host=os.uname().nodename, pid=os.getpid(), command=command[:2000], user=_user()
        )
        return self._event("START", at_ns, {"trackside_process": process}, datasets=True)

    def alive(self, at_ns: int) -> bytes:
        return self._event("RUNNING", at_ns, {}, datasets=False)

    def ended(self, at_ns: int, status: int, took_s: float, output: bytes) -> bytes:
        """status: a wait status."""
        tail = output.decode(errors="replace").replace("\0", "\ufffd")
        signalled = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else None
        code = 128 + os.WTERMSIG(status) if signalled else os.WEXITSTATUS(status)
        facets = {
            "trackside_exit": facet(status=code, signal=signalled, durationS=round(took_s, 6))
        }
        if tail:
            facets["trackside_log"] = facet(tail=tail)
        if code:
            how = f"killed by {signalled}" if signalled else f"exit status {code}"
            facets["errorMessage"] = facet(
                _FACETS + "1-0-1/ErrorMessageRunFacet.json",
                message=": ".join(filter(None, (how, last_line(tail)))),
                programmingLanguage="",
            )
        return self._event("FAIL" if code else "COMPLETE", at_ns, facets, datasets=True)

    def _event(self, kind: str, at_ns: int, facets: dict[str, Any], *, datasets: bool) -> bytes:
        options = self._options
        event: dict[str, Any] = {
            "eventType": kind,
            "eventTime": instant(at_ns),
            "producer": _PRODUCER,
            "schemaURL": _SPEC + "RunEvent",
            "run": {"runId": self._run_id, "facets": {**self._parent, **facets}},
            "job": {
                "namespace": options.namespace,
                "name": options.name,
                "facets": {"jobType": _JOB_TYPE},
            },
        }
        if datasets:
            event |= {"inputs": _datasets(options.inputs), "outputs": _datasets(options.outputs)}
        text = json.dumps(event, separators=(",", ":"))
        token = options.token()
        return (text.replace(token, MASK) if token else text).encode()


def facet(schema: str = _SPEC + "RunFacet", **values: object) -> dict[str, object]:
    return {"_producer": _PRODUCER, "_schemaURL": schema, **values}


_JOB_TYPE: Final = facet(
    _FACETS + "2-0-3/JobTypeJobFacet.json",
    processingType="BATCH",
    integration="EXEC",
    jobType="COMMAND",
)


def parent_of(told: str | None) -> dict[str, Any]:
    """The facet of the run within which we run, by what OpenLineage's tools hand on of it."""
    parts = (told or "").split("/")
    if len(parts) != 3 or not all(parts):
        return {}
    namespace, name, run_id = parts
    return {
        "parent": facet(
            _FACETS + "1-1-0/ParentRunFacet.json",
            run={"runId": run_id},
            job={"namespace": namespace, "name": name},
        )
    }


def instant(at_ns: int) -> str:
    seconds, rest = divmod(at_ns, 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest // 1000:06}Z"


def last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")[:_LINE]


def _datasets(names: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"namespace": namespace, "name": name} for namespace, name in names]


def _user() -> str:
    return os.environ.get("LOGNAME") or os.environ.get("USER") or str(os.getuid())
