"""dbt: run_results.json and sources.json, each with the manifest.json of the same project.

One JSON object with the keys `manifest`, `run_results` and `sources`, each the artifact of that
name; of the latter two one may be missing. Jobs and datasets are called as dbt-ol calls them, so
that a project may change from one to the other. Of the schemas only what stands in all of them
since manifest 4 is looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import Struct
from msgspec.json import Decoder

from hub.errors import BadInput
from hub.model import Check, CheckStatus, EntityName, Severity
from hub.openlineage.faults import Phrase, spot
from hub.quality import tell
from hub.quality.base import Given, Json, Naming, Report, decoded, instant, time_of, tools

_Path = tuple[str | int, ...]


class _Metadata(Struct, frozen=True, gc=False):
    generated_at: str
    invocation_id: str | None = None
    adapter_type: str | None = None
    project_name: str | None = None


class _Config(Struct, frozen=True, gc=False):
    materialized: str | None = None
    severity: str | None = None
    warn_if: str | None = None
    error_if: str | None = None
    batch_size: Any = None


class _DependsOn(Struct, frozen=True, gc=False):
    nodes: list[str] = []


class _TestMetadata(Struct, frozen=True, gc=False):
    kwargs: dict[str, Any] = {}


class _Node(Struct, frozen=True, gc=False):
    """A model, seed, snapshot or test, or a source."""

    name: str
    database: str | None = None
    schema: str | None = None
    alias: str | None = None
    identifier: str | None = None
    package_name: str = ""
    description: str | None = None
    config: _Config = _Config()
    depends_on: _DependsOn = _DependsOn()
    column_name: str | None = None
    attached_node: str | None = None
    test_metadata: _TestMetadata | None = None


class _Manifest(Struct, frozen=True, gc=False):
    metadata: _Metadata
    nodes: dict[str, _Node]
    sources: dict[str, _Node] = {}


class _Timing(Struct, frozen=True, gc=False):
    started_at: str | None = None
    completed_at: str | None = None


class _AdapterResponse(Struct, frozen=True, gc=False):
    rows_affected: int | float | str | None = None


class _Batches(Struct, frozen=True, gc=False):
    successful: list[list[str]] = []
    failed: list[list[str]] = []


class _Result(Struct, frozen=True, gc=False):
    unique_id: str
    status: str
    timing: list[_Timing] = []
    adapter_response: _AdapterResponse = _AdapterResponse()
    message: str | int | None = None
    failures: int | float | None = None
    batch_results: _Batches | None = None


class _Args(Struct, frozen=True, gc=False):
    which: str | None = None


class _RunResults(Struct, frozen=True, gc=False):
    metadata: _Metadata
    results: list[_Result]
    args: _Args = _Args()


class _Period(Struct, frozen=True, gc=False):
    count: int | float | None = None
    period: str | None = None


class _Criteria(Struct, frozen=True, gc=False):
    warn_after: _Period | None = None
    error_after: _Period | None = None


class _Freshness(Struct, frozen=True, gc=False):
    unique_id: str
    status: str
    max_loaded_at: str | None = None
    snapshotted_at: str | None = None
    criteria: _Criteria | None = None
    error: str | int | None = None


class _Sources(Struct, frozen=True, gc=False):
    metadata: _Metadata
    results: list[_Freshness]


class _Document(Struct, frozen=True, gc=False):
    manifest: _Manifest
    run_results: _RunResults | None = None
    sources: _Sources | None = None


_DOCUMENT: Final = Decoder(_Document)
#: Namespaces that no profile is needed for.
_NAMESPACES: Final = {"bigquery": "bigquery"}
#: What is built, with what a job of it is called behind its name, alone and within `dbt build`.
_BUILT: Final = {
    "model": ("", ".build.run"),
    "seed": (".seed", ".build.seed"),
    "snapshot": (".snapshot", ".build.snapshot"),
}
_TESTED: Final = (".test", ".build.test")
_CALLS: Final = frozenset({"build", "retry", "run", "seed", "snapshot", "test"})
_BAD: Final = frozenset({"error", "fail", "runtime error", "partial success"})
_NOT_RUN: Final = frozenset({"skipped", "no-op", "reused"})
_SECONDS: Final = {"minute": 60, "hour": 3_600, "day": 86_400}
#: What is longer is no bound on how old something may be.
_LONGEST_S: Final = 100 * 366 * 86_400
#: How the keys of microbatches are written, by how long each is.
_KEYS: Final = {"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}


@tools.register("dbt")
def read_dbt(raw: bytes, given: Given) -> Report:
    """Models as runs that write, tests as checks, freshness of sources as updates and checks."""
    document = decoded(_DOCUMENT, raw)
    if document.run_results is None and document.sources is None:
        raise BadInput("$.run_results", Phrase("nothing"), "run_results, or sources beside it")
    project = _Project(document.manifest, given)
    events: list[bytes] = []
    observations: list[Json] = []
    if document.run_results is not None:
        events += _Invocation(project, document.run_results).events()
    if document.sources is not None:
        events += _freshness(project, document.sources)
        observations += _policies(project, document.sources)
    return Report(events, observations)


class _Project:
    """What the manifest knows."""

    def __init__(self, manifest: _Manifest, given: Given) -> None:
        self.given = given
        self.name = manifest.metadata.project_name or ""
        self.namespace = given.job_namespace or "dbt"
        self._manifest = manifest
        self._naming = Naming(given, _NAMESPACES.get(manifest.metadata.adapter_type or ""))

    def node(self, unique_id: str, *path: str | int) -> _Node:
        """Raises BadInput for one of another project."""
        manifest = self._manifest
        found = manifest.nodes.get(unique_id) or manifest.sources.get(unique_id)
        if found is None:
            expected = "what manifest.json of the same project knows"
            raise BadInput(spot(path), unique_id, expected)
        return found

    def dataset(self, unique_id: str, *path: str | int) -> EntityName:
        node = self.node(unique_id, *path)
        table = node.identifier or node.alias or node.name
        return self._naming.of(".".join(filter(None, (node.database, node.schema, table))))

    def tables_behind(self, node: _Node) -> list[str]:
        """Tables that it reads: what is ephemeral is none, but reads some."""
        found: dict[str, None] = {}
        seen: set[str] = set()
        waiting = list(reversed(node.depends_on.nodes))
        while waiting:
            one = waiting.pop()
            upstream = self._manifest.nodes.get(one) or self._manifest.sources.get(one)
            if one in seen or upstream is None:
                continue
            seen.add(one)
            if upstream.config.materialized == "ephemeral":
                waiting += reversed(upstream.depends_on.nodes)
            else:
                found[one] = None
        return list(found)

    def tables_of_test(self, test: _Node) -> list[str]:
        """The one that it is attached to; one that is attached to none is of all that it reads."""
        if test.attached_node in self._manifest.nodes:
            return [test.attached_node]
        return self.tables_behind(test)

    def job(self, unique_id: str, ending: str, kind: str, parent: tell.Run | None) -> tell.Job:
        node = self.node(unique_id)
        prefix, _, rest = unique_id.partition(".")
        called = unique_id if prefix == "source" else rest
        name = ".".join(filter(None, (node.database, node.schema, called))) + ending
        return tell.Job(self.namespace, name, "DBT", kind, parent)


class _Invocation:
    """One call of dbt, and what ran in it."""

    def __init__(self, project: _Project, told: _RunResults) -> None:
        self._project = project
        self._told = told
        self._generated_at = time_of(
            told.metadata.generated_at, "run_results", "metadata", "generated_at"
        )
        self._check_call(told.args.which)
        self._id = told.metadata.invocation_id or instant(self._generated_at)
        self._in_build = told.args.which == "build"
        job = tell.Job(project.namespace, f"dbt-run-{project.name}", "DBT", "JOB")
        self._run = job.run(self._id, told.args.which or "")

    def _check_call(self, which: str | None) -> None:
        """Other calls say `success` of models, too, and have written nothing."""
        if which is not None and which not in _CALLS:
            found = Phrase(f"those of dbt {which}")
            expected = f"results of dbt {', '.join(sorted(_CALLS))}"
            hint = "import them before dbt is called again"
            raise BadInput("$.run_results.args.which", found, expected, hint)

    def events(self) -> Iterator[bytes]:
        begun_at, ended_at = self._span(self._told.results, ())
        yield self._run.started(begun_at)
        tests: dict[str, list[tuple[_Result, Check]]] = defaultdict(list)
        for i, one in enumerate(self._told.results):
            kind = one.unique_id.partition(".")[0]
            path = ("run_results", "results", i, "unique_id")
            if kind in _BUILT and one.status not in _NOT_RUN:
                yield from self._built(one, kind, path)
            elif kind == "test":
                test = self._project.node(one.unique_id, *path)
                for table in self._project.tables_of_test(test):
                    tests[table].append((one, _check(one, test)))
        for table, found in tests.items():
            yield from self._tested(table, found)
        bad = [one.unique_id for one in self._told.results if one.status in _BAD]
        error = f"{len(bad)} of {len(self._told.results)} failed: {', '.join(bad)}"
        yield self._run.ended(max(ended_at, self._generated_at), error=error if bad else None)

    def _built(self, one: _Result, kind: str, path: _Path) -> Iterator[bytes]:
        project, node = self._project, self._project.node(one.unique_id, *path)
        job = project.job(one.unique_id, _BUILT[kind][self._in_build], kind.upper(), self._run)
        name = project.dataset(one.unique_id)
        inputs = [tell.read(project.dataset(each)) for each in project.tables_behind(node)]
        begun_at, ended_at = self._span([one], path[:-1])
        error = None if one.status == "success" else str(one.message or one.status)
        described = node.description or ""
        batches = _batches(one, node, path[:-1])
        for key, failed in batches:
            run = job.run(self._id, key)
            outputs = [tell.written(name, key, None, described)]
            told = (error or one.status) if failed else None
            yield run.ended(ended_at, error=told, inputs=inputs, outputs=outputs)
        if not batches:
            run = job.run(self._id)
            yield run.started(begun_at)
            outputs = [tell.written(name, project.given.partition, _rows(one, node), described)]
            yield run.ended(ended_at, error=error, inputs=inputs, outputs=outputs)

    def _tested(self, table: str, found: Sequence[tuple[_Result, Check]]) -> Iterator[bytes]:
        """A test that finds something has run well; what it found is the check's."""
        project = self._project
        run = project.job(table, _TESTED[self._in_build], "TEST", self._run).run(self._id)
        begun_at, ended_at = self._span([one for one, _ in found], ())
        broken = [str(one.message or one.status) for one, _ in found if one.status == "error"]
        yield run.started(begun_at)
        yield run.ended(
            ended_at,
            error="; ".join(broken) if broken else None,
            inputs=[
                tell.checked(
                    project.dataset(table), [check for _, check in found], project.given.partition
                )
            ],
        )

    def _span(self, results: Iterable[_Result], path: _Path) -> tuple[datetime, datetime]:
        """From when to when; what never began has the time at which it was told."""
        times = [
            time_of(text, *(path or ("run_results", "results")), "timing")
            for one in results
            for timing in one.timing
            for text in (timing.started_at, timing.completed_at)
            if text
        ]
        if not times:
            return self._generated_at, self._generated_at
        return min(times), max(times)


# -- tests as checks ---------------------------------------------------------------------------


def _check(one: _Result, test: _Node) -> Check:
    metadata = test.test_metadata or _TestMetadata()
    column = test.column_name or metadata.kwargs.get("column_name")
    mild = (test.config.severity or "").lower() == "warn"
    severity = Severity.WARN if one.status == "warn" else Severity.ERROR
    if one.status == "pass" and mild:
        severity = Severity.WARN
    expected = test.config.warn_if if severity is Severity.WARN else test.config.error_if
    counted = one.failures is not None and one.status not in {"error", *_NOT_RUN}
    return Check(
        test.name,
        _status(one.status),
        column if isinstance(column, str) else None,
        severity,
        _threshold(expected) if counted else None,
        tell.number(one.failures) if counted and one.failures is not None else _trouble(one),
    )


def _status(word: str) -> CheckStatus:
    if word in {"pass", "success"}:
        return CheckStatus.PASSED
    return CheckStatus.SKIPPED if word in _NOT_RUN else CheckStatus.FAILED


def _trouble(one: _Result) -> str | None:
    return str(one.message) if one.message and one.status == "error" else None


def _threshold(told: str | None) -> str:
    """dbt's own default is `!= 0`: no row is to be found."""
    return "0" if told is None or told.replace(" ", "") == "!=0" else f"not {told}"


# -- what is written ---------------------------------------------------------------------------


def _rows(one: _Result, node: _Node) -> int | None:
    """Of a view an adapter tells what means nothing."""
    told = one.adapter_response.rows_affected
    if node.config.materialized == "view" or not isinstance(told, int | float) or told < 0:
        return None
    return int(told)


def _batches(one: _Result, node: _Node, path: _Path) -> list[tuple[str, bool]]:
    """The partitions of a microbatch model that it has made, or tried to, and which failed."""
    form = _KEYS.get(str(node.config.batch_size).lower())
    if one.batch_results is None or form is None:
        return []
    found = []
    for word, failed in (("successful", False), ("failed", True)):
        for i, span in enumerate(getattr(one.batch_results, word)):
            at = (*path, "batch_results", word, i)
            begin = time_of(span[0] if span else "", *at)
            found.append((begin.strftime(form), failed))
    return found


# -- freshness of sources ----------------------------------------------------------------------


def _freshness(project: _Project, told: _Sources) -> Iterator[bytes]:
    inputs, times = [], []
    for i, one in enumerate(told.results):
        path = ("sources", "results", i)
        name = project.dataset(one.unique_id, *path, "unique_id")
        inputs.append(tell.checked(name, [_fresh(one)], project.given.partition))
        if one.snapshotted_at:
            times.append(time_of(one.snapshotted_at, *path, "snapshotted_at"))
        if one.max_loaded_at and project.given.updates:
            yield tell.dataset_loaded(name, time_of(one.max_loaded_at, *path, "max_loaded_at"))
    generated_at = time_of(told.metadata.generated_at, "sources", "metadata", "generated_at")
    job = tell.Job(project.namespace, f"dbt-source-freshness-{project.name}", "DBT", "TEST")
    run = job.run(told.metadata.invocation_id or instant(generated_at))
    yield run.started(min(times, default=generated_at))
    yield run.ended(max([*times, generated_at]), inputs=inputs)


def _fresh(one: _Freshness) -> Check:
    criteria = one.criteria or _Criteria()
    warned = one.status == "warn" or (one.status == "pass" and criteria.error_after is None)
    asked = criteria.warn_after if warned else criteria.error_after
    lag = _lag(asked)
    actual = f"loaded at {one.max_loaded_at}" if one.max_loaded_at else None
    return Check(
        "freshness",
        _status(one.status),
        severity=Severity.WARN if warned else Severity.ERROR,
        expected=None
        if lag is None or asked is None
        else f"at most {asked.count:g} {asked.period}s old",
        actual=actual or (str(one.error) if one.error else None),
    )


def _policies(project: _Project, told: _Sources) -> Iterator[Json]:
    """How old a source may be; only of those whose age is told, too."""
    for one in told.results:
        criteria = one.criteria or _Criteria()
        lag = _lag(criteria.error_after) or _lag(criteria.warn_after)
        if lag is not None and one.max_loaded_at:
            name = project.dataset(one.unique_id)
            yield {
                "type": "freshness_policy",
                "dataset": {"namespace": name.namespace, "name": name.name},
                "max_lag_s": lag.total_seconds(),
                "observed_at": told.metadata.generated_at,
            }


def _lag(period: _Period | None) -> timedelta | None:
    if period is None or period.count is None or period.period not in _SECONDS:
        return None
    seconds = period.count * _SECONDS[period.period]
    return timedelta(seconds=seconds) if 0 < seconds <= _LONGEST_S else None
