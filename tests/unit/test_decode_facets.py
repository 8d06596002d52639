"""What each facet of the spec means to us."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from hub.errors import BadInput
from hub.model import (
    Check,
    CheckStatus,
    ColumnEdge,
    DatasetFacts,
    Dependency,
    EntityName,
    Field,
    JobFacts,
    LineageEvent,
    RunFacts,
    RunRef,
    Severity,
    Tag,
)
from hub.openlineage.dataset_facets import DATASET_FACETS, INPUT_FACETS, OUTPUT_FACETS
from hub.openlineage.decode import decode_event
from hub.openlineage.job_facets import JOB_FACETS
from hub.openlineage.reading import TEXT, WORD
from hub.openlineage.run_facets import RUN_FACETS
from tests.support.samples import shared

RUN_ID = "0191f3a0-0000-7000-8000-000000000001"
OTHER_ID = "0191f3a0-0000-7000-8000-000000000002"
ORDERS = EntityName("db", "orders")
SOURCE = {"namespace": "db", "name": "orders"}

Json = dict[str, Any]


def read(
    run: Json | None = None, job: Json | None = None, event_type: str = "COMPLETE", **datasets: Any
) -> LineageEvent:
    event = {
        "eventType": event_type,
        "eventTime": "2026-01-02T12:00:00Z",
        "producer": "https://example.org/p",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": RUN_ID, "facets": run or {}},
        "job": {"namespace": "ns", "name": "job", "facets": job or {}},
        **datasets,
    }
    return decode_event(json.dumps(event).encode())


def run_facts(**facets: Any) -> RunFacts:
    run = read(run=facets).run
    assert run
    return run


def job_facts(**facets: Any) -> JobFacts:
    job = read(job=facets).job
    assert job
    return job


def dataset_facts(**facets: Any) -> DatasetFacts:
    return read(outputs=[{"namespace": "db", "name": "out", "facets": facets}]).datasets[0]


def output_facts(**facets: Any) -> DatasetFacts:
    return read(outputs=[{"namespace": "db", "name": "out", "outputFacets": facets}]).datasets[0]


def input_facts(**facets: Any) -> DatasetFacts:
    return read(inputs=[{"namespace": "db", "name": "in", "inputFacets": facets}]).datasets[0]


def warned(event: LineageEvent) -> list[str]:
    return [f"{warning.path} {warning.message}" for warning in event.warnings]


class TestRunFacets:
    def test_nominal_time(self) -> None:
        times = {"nominalStartTime": "2026-01-01T01:00:00+01:00", "nominalEndTime": None}
        run = run_facts(nominalTime=times)
        assert run.nominal_start == datetime(2026, 1, 1, tzinfo=UTC)
        assert run.nominal_end is None

    def test_parent_and_root(self) -> None:
        parent = {"run": {"runId": OTHER_ID}, "job": {"namespace": "ns", "name": "dag"}}
        root = {"run": {"runId": RUN_ID}, "job": {"namespace": "top", "name": "all"}}
        run = run_facts(parent={**parent, "root": root})
        assert run.parent == RunRef(EntityName("ns", "dag"), UUID(OTHER_ID).bytes)
        assert run.root == RunRef(EntityName("top", "all"), UUID(RUN_ID).bytes)

    def test_the_aliases_of_the_prefect_integration_are_read_with_a_warning(self) -> None:
        parent = {"run": {"runId": OTHER_ID}, "job": {"namespace": "ns", "name": "flow"}}
        event = read(run={"parentRun": parent, "processingEngine": {"version": "3", "name": "P"}})
        assert event.run
        assert event.run.parent == RunRef(EntityName("ns", "flow"), UUID(OTHER_ID).bytes)
        assert event.run.engine == "P 3"
        assert warned(event) == [
            "$.run.facets.parentRun read as parent",
            "$.run.facets.processingEngine read as processing_engine",
        ]

    def test_the_name_of_the_spec_wins_over_the_alias(self) -> None:
        run = run_facts(processingEngine={"version": "1"}, processing_engine={"version": "2"})
        assert run.engine == "2"

    @pytest.mark.parametrize(
        ("message", "trace", "expected"),
        [
            ("ValueError: boom", None, "ValueError"),
            ("task_failure", None, None),
            ("failed", "<stack_trace>", None),
            ("m", 'Traceback:\n  File "a"\n    raise\nValueError: boom\n', "ValueError"),
            ("m", ('Traceback:\n  File "a"\n    x\npsycopg2.errors.UndefinedTable: no\nLINE 1: x\n'
             "        ^\n"), "UndefinedTable"),
            ("m", ("java.lang.RuntimeException: x\n\tat a.b(C.java:1)\nCaused by: "
             "java.sql.SQLException: y\n\tat d\n\t... 2 more"), "SQLException"),
            ("m", ('T:\n  File "a"\nKeyError\n\nDuring handling of the above exception, another '
             'exception occurred:\n\nT:\n  File "b"\npkg.mod.OwnError: multi\nline: Error text\n'),
             "OwnError"),
            ("m", "x" * 100_000, None),
        ],
    )  # fmt: skip
    def test_the_class_of_an_error_is_the_last_exception(
        self, message: str, trace: str | None, expected: str | None
    ) -> None:
        facet = {"message": message, "programmingLanguage": "PYTHON", "stackTrace": trace}
        run = run_facts(errorMessage=facet)
        assert (run.error_class, run.error_message) == (expected, message)

    def test_a_long_error_message_is_cut_and_the_facet_kept_whole(self) -> None:
        facet = {"message": "x" * (TEXT + 1), "programmingLanguage": "PYTHON"}
        event = read(run={"errorMessage": facet})
        assert event.run
        assert event.run.error_message == "x" * TEXT
        assert json.loads(event.run.facets["errorMessage"]) == facet
        assert warned(event) == [
            "$.run.facets.errorMessage.message cut at 16,384 of 16,385 characters"
        ]

    def test_job_dependencies(self) -> None:
        upstream = {
            "job": {"namespace": "ns", "name": "before"},
            "run": {"runId": OTHER_ID},
            "dependency_type": "IMPLICIT_ASSET_DEPENDENCY",
        }
        downstream = {"job": {"namespace": "ns", "name": "after"}}
        run = run_facts(jobDependencies={"upstream": [upstream], "downstream": [downstream]})
        assert run.dependencies == (
            Dependency(
                EntityName("ns", "before"),
                upstream=True,
                run_id=UUID(OTHER_ID).bytes,
                kind="IMPLICIT_ASSET_DEPENDENCY",
            ),
            Dependency(EntityName("ns", "after"), upstream=False),
        )

    def test_tests_are_checks_of_the_run(self) -> None:
        tests = [
            {"name": "a", "status": "pass"},
            {"name": "b", "status": "FAIL", "severity": "warn", "expected": "0", "actual": "3"},
            {"name": "c", "status": "skipped"},
        ]
        assert run_facts(test={"tests": tests}).checks == (
            Check("a", CheckStatus.PASSED),
            Check("b", CheckStatus.FAILED, None, Severity.WARN, "0", "3"),
            Check("c", CheckStatus.SKIPPED),
        )

    def test_tags(self) -> None:
        tags = [{"key": "team", "value": "x", "source": "S"}, {"key": "prod", "value": "prod"}]
        assert run_facts(tags={"tags": tags}).tags == (Tag("team", "x", "S"), Tag("prod", "prod"))

    def test_the_partition_of_dagster_is_that_of_the_run(self) -> None:
        tag = {"key": "dagster/partition", "value": "2026-01-01"}
        assert run_facts(tags={"tags": [tag]}).partition == "2026-01-01"


class TestJobFacets:
    def test_job_type(self) -> None:
        facet = {"processingType": "BATCH", "integration": "SPARK", "jobType": "QUERY"}
        job = job_facts(jobType=facet)
        assert (job.processing, job.integration, job.kind) == ("BATCH", "SPARK", "QUERY")

    def test_location_documentation_and_ownership(self) -> None:
        job = job_facts(
            sourceCodeLocation={"type": "git", "url": "https://example.org/x.py"},
            documentation={"description": "# hello"},
            ownership={"owners": [{"name": "team:a"}, {"name": "bob", "type": "MAINTAINER"}]},
        )
        assert job.location == "https://example.org/x.py"
        assert job.description == "# hello"
        assert job.owners == ("team:a", "bob")

    def test_a_facet_marked_as_deleted_clears_what_it_told(self) -> None:
        gone = {"_deleted": True, "_producer": "p", "_schemaURL": "s"}
        event = read(job=dict.fromkeys(("documentation", "ownership", "tags", "jobType"), gone))
        assert event.job
        assert (event.job.description, event.job.owners, event.job.tags) == ("", (), ())
        assert event.job.kind is None
        assert event.warnings == ()

    def test_silence_is_not_emptiness(self) -> None:
        job = job_facts(ownership={"owners": None})
        assert (job.owners, job.tags, job.description) == (None, None, None)
        assert job_facts(ownership={"owners": []}).owners == ()

    def test_a_null_facet_is_survived(self) -> None:
        assert warned(read(job={"jobType": None})) == ["$.job.facets.jobType is null"]


class TestDatasetFacets:
    def test_nested_columns_have_dotted_names(self) -> None:
        inner = [{"name": "_element", "type": "string", "description": "one"}]
        columns = [{"name": "id", "type": "int"}, {"name": "phones", "fields": inner}]
        assert dataset_facts(schema={"fields": columns}).fields == (
            Field("id", "int"),
            Field("phones"),
            Field("phones._element", "string", "one"),
        )

    def test_deeply_nested_columns_do_not_grow_without_bounds(self) -> None:
        column: Json = {"name": "x" * 500}
        for _ in range(100):
            column = {"name": "x" * 500, "fields": [column]}
        fields = dataset_facts(schema={"fields": [column]}).fields
        assert fields
        assert max(len(field.name) for field in fields) <= WORD

    def test_where_it_is_and_what_it_is(self) -> None:
        facts = dataset_facts(
            dataSource={"name": "dwh", "uri": "postgres://dwh:5432"},
            version={"datasetVersion": "7"},
            datasetType={"datasetType": "VIEW", "subType": "MATERIALIZED"},
            symlinks={"identifiers": [{"namespace": "hive", "name": "o", "type": "TABLE"}]},
            documentation={"description": "all orders"},
        )
        assert (facts.source_name, facts.source_uri) == ("dwh", "postgres://dwh:5432")
        assert (facts.version, facts.kind) == ("7", "VIEW")
        assert facts.symlinks == (EntityName("hive", "o"),)
        assert facts.description == "all orders"

    def test_a_renamed_dataset_knows_its_previous_name(self) -> None:
        facet = {"lifecycleStateChange": "RENAME", "previousIdentifier": SOURCE}
        facts = dataset_facts(lifecycleStateChange=facet)
        assert (facts.lifecycle, facts.previous_name) == ("RENAME", ORDERS)

    def test_tags_may_belong_to_a_column(self) -> None:
        tags = [{"key": "pii", "value": "true", "field": "email"}]
        assert dataset_facts(tags={"tags": tags}).tags == (Tag("pii", "true", None, "email"),)

    def test_facets_that_are_only_kept_are_kept(self) -> None:
        facets = {
            "storage": {"storageLayer": "delta"},
            "catalog": {"framework": "iceberg", "type": "hive", "name": "c"},
            "hierarchy": {"hierarchy": [{"type": "DATABASE", "name": "d"}]},
            "somebodys": [1, {"own": None}],
        }
        facts = dataset_facts(**facets)
        assert {name: json.loads(raw) for name, raw in facts.facets.items()} == facets


class TestColumnLineage:
    def test_each_transformation_is_an_edge(self) -> None:
        transformations = [
            {"type": "DIRECT", "subtype": "IDENTITY", "masking": False},
            {"type": "INDIRECT", "subtype": "JOIN", "description": "ON a = b"},
        ]
        source = {**SOURCE, "field": "id", "transformations": transformations}
        facet = {"fields": {"key": {"inputFields": [source]}}}
        assert dataset_facts(columnLineage=facet).column_lineage == (
            ColumnEdge("key", ORDERS, "id", "DIRECT", "IDENTITY", None, masking=False),
            ColumnEdge("key", ORDERS, "id", "INDIRECT", "JOIN", "ON a = b"),
        )

    def test_without_transformations_there_is_one_edge(self) -> None:
        facet = {"fields": {"key": {"inputFields": [{**SOURCE, "field": "id"}]}}}
        edges = dataset_facts(columnLineage=facet).column_lineage
        assert edges == (ColumnEdge("key", ORDERS, "id"),)

    def test_the_old_transformation_of_a_column_holds_for_its_inputs(self) -> None:
        column = {
            "inputFields": [{**SOURCE, "field": "id"}],
            "transformationType": "MASKED",
            "transformationDescription": "md5",
        }
        edges = dataset_facts(columnLineage={"fields": {"key": column}}).column_lineage
        assert edges == (ColumnEdge("key", ORDERS, "id", "DIRECT", "MASKED", "md5", masking=True),)

    def test_lineage_of_the_whole_dataset_ends_in_no_column(self) -> None:
        filtered = {**SOURCE, "field": "day", "transformations": [{"type": "INDIRECT"}]}
        edges = dataset_facts(columnLineage={"fields": {}, "dataset": [filtered]}).column_lineage
        assert edges == (ColumnEdge(None, ORDERS, "day", "INDIRECT"),)

    def test_the_lineage_facet_of_a_dataset(self) -> None:
        column = {"inputs": [{**SOURCE, "type": "DATASET", "field": "id"}, {"type": "JOB"}]}
        facet = {"inputs": [{**SOURCE, "type": "DATASET"}], "fields": {"key": column}}
        assert dataset_facts(lineage=facet).column_lineage == (
            ColumnEdge(None, ORDERS, None),
            ColumnEdge("key", ORDERS, "id"),
        )

    def test_the_lineage_facet_of_a_job_is_told_of_the_datasets_it_ends_in(self) -> None:
        source = {**SOURCE, "type": "DATASET"}
        entries = [
            {"namespace": "db", "name": "out", "type": "DATASET", "inputs": [source]},
            {"namespace": "db", "name": "unlisted", "type": "DATASET", "inputs": [source]},
            {"type": "JOB", "inputs": [source]},
        ]
        outputs = [{"namespace": "db", "name": "out"}]
        datasets = read(job={"lineage": {"entries": entries}}, outputs=outputs).datasets
        edges = (ColumnEdge(None, ORDERS, None),)
        assert [(facts.name.name, facts.column_lineage) for facts in datasets] == [
            ("out", edges),
            ("unlisted", edges),
        ]
        assert datasets[1].direction is None


class TestNumbersAndChecks:
    def test_output_statistics(self) -> None:
        facts = output_facts(outputStatistics={"rowCount": 2000, "size": 4096, "fileCount": 5})
        assert (facts.rows, facts.bytes, facts.files) == (2000, 4096, 5)

    def test_input_statistics_win_over_quality_metrics(self) -> None:
        metrics = {"columnMetrics": {"id": {"nullCount": 0}}, "rowCount": 1, "bytes": 2}
        facts = input_facts(inputStatistics={"rowCount": 10}, dataQualityMetrics=metrics)
        assert (facts.rows, facts.bytes) == (10, 2)

    def test_a_whole_number_may_be_written_as_a_fraction(self) -> None:
        assert output_facts(outputStatistics={"rowCount": 2000.0}).rows == 2000

    def test_a_negative_count_is_unknown(self) -> None:
        statistics = {"outputStatistics": {"rowCount": -1}}
        event = read(outputs=[{"namespace": "d", "name": "t", "outputFacets": statistics}])
        assert event.datasets[0].rows is None
        path = "$.outputs[0].outputFacets.outputStatistics.rowCount"
        assert warned(event) == [f"{path} is negative, taken as unknown"]

    @pytest.mark.parametrize("count", [2**63, -(2**63) - 1, 10**30, 1.5, 1e300])
    def test_a_count_must_be_an_integer_of_64_bits(self, count: float) -> None:
        with pytest.raises(BadInput) as refusal:
            output_facts(outputStatistics={"fileCount": count})
        assert refusal.value.path == "$.outputs[0].outputFacets.outputStatistics.fileCount"

    def test_assertions_are_checks(self) -> None:
        told = [
            {"assertion": "not_null", "success": True, "column": "id", "name": "id_there"},
            {"assertion": "row_count", "success": False, "severity": "WARN", "actual": "0"},
        ]
        assert input_facts(dataQualityAssertions={"assertions": told}).checks == (
            Check("id_there", CheckStatus.PASSED, "id"),
            Check("row_count", CheckStatus.FAILED, None, Severity.WARN, None, "0"),
        )

    def test_assertions_told_in_both_places_count_once(self) -> None:
        facet = {"dataQualityAssertions": {"assertions": [{"assertion": "a", "success": True}]}}
        dataset = {"namespace": "d", "name": "t", "facets": facet, "inputFacets": facet}
        event = read(inputs=[dataset])
        assert event.datasets[0].checks == (Check("a", CheckStatus.PASSED),)
        assert warned(event) == [
            "$.inputs[0].facets.dataQualityAssertions belongs into inputFacets"
        ]

    @pytest.mark.parametrize(
        ("partitions", "expected"),
        [
            ([{"dimensions": {"date": "2026-01-01"}}], "date=2026-01-01"),
            ([{"dimensions": {"date": "d", "country": "PL"}, "identifier": "x"}], "country=PL/date=d"),
            ([{"dimensions": {"hour": 7}}], "hour=7"),
            ([{"dimensions": {}, "identifier": "x"}], "x"),
            ([{"dimensions": {"date": "a"}}, {"dimensions": {"date": "b"}}], None),
            ([], None),
        ],
    )  # fmt: skip
    def test_a_subset_of_one_partition_is_that_partition(
        self, partitions: list[Json], expected: str | None
    ) -> None:
        condition = {"type": "partition", "partitions": partitions}
        assert output_facts(subset={"outputCondition": condition}).partition == expected
        assert input_facts(subset={"inputCondition": condition}).partition == expected

    def test_other_subsets_are_only_kept(self) -> None:
        facts = input_facts(
            subset={"inputCondition": {"type": "location", "locations": ["s3://x"]}}
        )
        assert facts.partition is None
        assert "subset" in facts.io_facets


@pytest.mark.parametrize(
    ("run", "path"),
    [
        ({"parent": {"run": {"runId": 1}}}, "parent.run.runId"),
        ({"parent": 5}, "parent"),
        ({"nominalTime": {}}, "nominalTime.nominalStartTime"),
        ({"nominalTime": {"nominalStartTime": "noon"}}, "nominalTime.nominalStartTime"),
        ({"errorMessage": {"message": "x"}}, "errorMessage.programmingLanguage"),
        ({"processing_engine": {"name": "x"}}, "processing_engine.version"),
        ({"externalQuery": {"source": "bq"}}, "externalQuery.externalQueryId"),
        ({"extractionError": {"totalTasks": 1, "failedTasks": "x"}}, "extractionError.failedTasks"),
        ({"tags": {"tags": [{"key": "a"}]}}, "tags.tags[0].value"),
        ({"test": {"tests": [{"name": "a"}]}}, "test.tests[0].status"),
        ({"environmentVariables": {}}, "environmentVariables.environmentVariables"),
        ({"jobDependencies": {"upstream": [{}]}}, "jobDependencies.upstream[0].job"),
    ],
)
def test_a_run_facet_against_the_spec_is_refused(run: Json, path: str) -> None:
    with pytest.raises(BadInput) as refusal:
        read(run=run)
    assert refusal.value.path == f"$.run.facets.{path}"


@pytest.mark.parametrize(
    ("facets", "path"),
    [
        ({"schema": {"fields": [{"type": "int"}]}}, "schema.fields[0].name"),
        ({"schema": {"fields": [{"name": "a", "fields": [5]}]}}, "schema.fields[0].fields[0]"),
        ({"columnLineage": {}}, "columnLineage.fields"),
        ({"columnLineage": {"fields": {"a": {"inputFields": []}, "b c": {}}}},
         'columnLineage.fields["b c"].inputFields'),
        ({"columnLineage": {"fields": {"a": {"inputFields": [{**SOURCE, "field": 1}]}}}},
         "columnLineage.fields.a.inputFields[0].field"),
        ({"columnLineage": {"fields": {"a": {"inputFields": [{**SOURCE, "name": "", "field": "x"}]}}}},
         "columnLineage.fields.a.inputFields[0].name"),
        ({"lifecycleStateChange": {"lifecycleStateChange": "MOVE"}},
         "lifecycleStateChange.lifecycleStateChange"),
        ({"version": {"datasetVersion": 1}}, "version.datasetVersion"),
        ({"symlinks": {"identifiers": [SOURCE]}}, "symlinks.identifiers[0].type"),
        ({"storage": {}}, "storage.storageLayer"),
        ({"dataQualityMetrics": {"columnMetrics": {"a": {}, "b": 5}}},
         "dataQualityMetrics.columnMetrics.b"),
    ],
)  # fmt: skip
def test_a_dataset_facet_against_the_spec_is_refused(facets: Json, path: str) -> None:
    with pytest.raises(BadInput) as refusal:
        dataset_facts(**facets)
    assert refusal.value.path == f"$.outputs[0].facets.{path}"


def test_every_sample_of_the_spec_is_understood_and_known() -> None:
    containers = [
        ("run", RUN_FACETS),
        ("job", JOB_FACETS),
        ("facets", DATASET_FACETS),
        ("inputFacets", INPUT_FACETS),
        ("outputFacets", OUTPUT_FACETS),
    ]
    for path in shared("spec/tests/*Facet/*.json"):
        for name, facet in json.loads(path.read_bytes()).items():
            homes = [where for where, known in containers if name in known]
            assert homes, f"{path} is not known"
            for where in homes:
                if fits(path.parent.name, path.stem, where):
                    read_in(where, name, facet)


def fits(schema: str, sample: str, where: str) -> bool:
    """Facets of one name that stand in several places differ in shape."""
    entries = sample != "dataset-to-dataset"
    return {
        ("LineageFacet", "job"): entries,
        ("LineageFacet", "facets"): not entries,
        ("BaseSubsetDatasetFacet", "outputFacets"): False,
    }.get((schema, where), True)


def read_in(where: str, name: str, facet: Json) -> LineageEvent:
    if where == "run":
        return read(run={name: facet})
    if where == "job":
        return read(job={name: facet})
    return read(inputs=[{**SOURCE, where: {name: facet}}])
