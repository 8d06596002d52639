"""Runs in this Dagster what Trackside wants to be run: each launch one run, exactly once.

A sensor for your own code location. It fetches launches and makes each a run request whose run_key
is the launch's key, so Dagster itself makes no second run of it, whatever is killed and whatever
answer gets lost. A launch is told to be taken once its run is there. Only dagster and the stdlib.

    from trackside_launcher import launcher

    defs = dg.Definitions(jobs=[mart_job], sensors=[launcher([mart_job])])

Settings, from the environment of the code location:
    TRACKSIDE_URL            the hub, as in https://trackside.example.org
    TRACKSIDE_TOKEN          a token with the scope ingest that is bound to the orchestrator
    TRACKSIDE_ORCHESTRATOR   the name that this Dagster has in the hub
    TRACKSIDE_LEASE_S        after so long a launch whose run nobody has seen is fetched again (300)
"""

import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from typing import Any

import dagster as dg

Json = dict[str, Any]
#: Launches that are fetched and have no run yet, by key: [number, lease].
Waiting = dict[str, list[Any]]

AT_ONCE = 20  # launches of one tick
LEASE_S = float(os.environ.get("TRACKSIDE_LEASE_S", "300"))
TIMEOUT_S = 15.0


def launcher(jobs: Sequence[Any], name: str = "trackside_launcher") -> dg.SensorDefinition:
    """A sensor that launches these jobs of its code location."""
    names = [job.name for job in jobs]

    @dg.sensor(
        name=name,
        jobs=jobs,
        minimum_interval_seconds=5,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def launch(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        waiting: Waiting = json.loads(context.cursor or "{}")
        acknowledge(context.instance, name, waiting)
        requests = []
        while len(requests) < AT_ONCE and (found := fetch(names)):
            request = as_request(context, found)
            if isinstance(request, str):
                tell(found["id"], "nack", lease=found["lease"], error=request, permanent=True)
            else:
                requests.append(request)
                waiting[found["key"]] = [found["id"], found["lease"]]
        return dg.SensorResult(run_requests=requests, cursor=json.dumps(waiting))

    return launch


def acknowledge(instance: dg.DagsterInstance, sensor: str, waiting: Waiting) -> None:
    """Tells of the launches whose runs are there by now, and forgets them."""
    for key, (number, lease) in list(waiting.items()):
        tags = {"dagster/sensor_name": sensor, "dagster/run_key": key}
        runs = instance.get_runs(filters=dg.RunsFilter(tags=tags), limit=1)
        if runs:
            tell(number, "ack", lease=lease, naturalId=runs[0].run_id)
            del waiting[key]


def fetch(jobs: Sequence[str]) -> Json | None:
    """The next launch of one of these jobs. One that was fetched in vain comes again in time."""
    asked = [("orchestrator", orchestrator()), ("lease", LEASE_S), *(("job", job) for job in jobs)]
    answer = ask("GET", f"next?{urllib.parse.urlencode(asked)}")
    return json.loads(answer) if answer else None


def as_request(context: dg.SensorEvaluationContext, launch: Json) -> dg.RunRequest | str:
    """What Dagster is to run, or why it can't."""
    job, partition = launch["job"]["name"], launch["partition"]
    known = context.repository_def.get_job(job).partitions_def
    if known is not None and (partition is None or not known.has_partition_key(partition)):
        return f"{job} has no partition {partition!r}"
    tags = {"trackside/launch_key": launch["key"], "trackside/note": launch["note"][:200]}
    if known is None and partition is not None:
        tags["dagster/partition"] = partition
    if cause := launch["cause"]:
        named = f"{cause['job']['namespace']}/{cause['job']['name']}"
        tags |= {"trackside/cause_run": cause["runId"], "trackside/cause_job": named}
    return dg.RunRequest(
        run_key=launch["key"],
        job_name=job,
        run_config=launch["conf"],
        partition_key=partition if known is not None else None,
        tags={key: value for key, value in tags.items() if value},
    )


# -- the hub ---------------------------------------------------------------------------------------


def tell(number: int, what: str, **told: Any) -> None:
    """What the hub refuses is over there: another hub's answer, or a person's, came first."""
    where = f"{number}/{what}?{urllib.parse.urlencode({'orchestrator': orchestrator()})}"
    try:
        ask("POST", where, told)
    except urllib.error.HTTPError as error:
        if error.code not in {404, 409}:
            raise


def ask(method: str, path: str, told: Json | None = None) -> bytes:
    url = f"{os.environ['TRACKSIDE_URL'].rstrip('/')}/api/v1/launches/{path}"
    headers = {"Content-Type": "application/json"}
    if token := os.environ.get("TRACKSIDE_TOKEN"):
        headers["Authorization"] = f"Bearer {token}"
    body = None if told is None else json.dumps(told).encode()
    request = urllib.request.Request(url, body, headers, method=method)
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        return bytes(answer.read())


def orchestrator() -> str:
    return os.environ["TRACKSIDE_ORCHESTRATOR"]
