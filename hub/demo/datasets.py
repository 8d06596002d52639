"""How datasets are told: what they are, what was written, what stands behind their columns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from hub.demo.chance import luck
from hub.demo.facets import Json, dataset_facet
from hub.demo.nouns import Check, Run, Span, Step, Table
from hub.demo.tables import TABLES

BYTES_PER_ROW = 84


class Datasets:
    """Tells the datasets of one producer's events."""

    def __init__(self, producer: str, seed: int, span: Span) -> None:
        self._producer = producer
        self._seed = seed
        self._span = span

    def named(self, keys: tuple[str, ...]) -> list[Json]:
        """Only their names, as at the start of a run."""
        return [_name(TABLES[key]) | {"facets": {}} for key in keys]

    def described(self, key: str, at: datetime) -> Json:
        table = TABLES[key]
        return _name(table) | {"facets": self._facets(table, at)}

    def read(self, run: Run, step: Step) -> list[Json]:
        """The inputs of a step that is done, with what was checked on them."""
        return [self._input(run, step, key) for key in reads(step, run.slot, self._span)]

    def written(self, run: Run, step: Step) -> list[Json]:
        """The outputs of a step that is done."""
        return [self._output(run, step, key) for key in step.writes] if run.wrote else []

    def _input(self, run: Run, step: Step, key: str) -> Json:
        told = self.described(key, run.slot)
        rows = self._rows(key, run.slot)
        told["inputFacets"] = {"inputStatistics": self._make("inputStatistics", rowCount=rows)}
        if step.checks and key == step.reads[0]:
            told["inputFacets"] |= self._quality(run, step, rows)
        return told

    def _output(self, run: Run, step: Step, key: str) -> Json:
        told, table = self.described(key, run.slot), TABLES[key]
        rows = self._rows(key, run.slot)
        count = {"fileCount": 1 + rows // 2000} if table.kind == "FILE" else {}
        size = {"rowCount": rows, "size": rows * BYTES_PER_ROW, **count}
        told["outputFacets"] = {"outputStatistics": self._make("outputStatistics", **size)}
        if lines := self._lines(step, key, run.slot):
            told["facets"]["columnLineage"] = lines
        if key.startswith("mart."):
            change = self._make("lifecycleStateChange", lifecycleStateChange="OVERWRITE")
            told["facets"]["lifecycleStateChange"] = change
        return told

    def _rows(self, key: str, slot: datetime) -> int:
        table, chance = TABLES[key], luck(self._seed, key, slot.isoformat())
        if table.rows < 100:
            return table.rows
        weekend = 0.7 if slot.weekday() >= 5 else 1.0
        return max(1, round(table.rows * weekend * chance.lognormvariate(0, 0.06)))

    # -- what they are -----------------------------------------------------------------------------

    def _facets(self, table: Table, at: datetime) -> Json:
        make, owner = self._make, {"name": f"team:{table.team}", "type": "OWNER"}
        found = {
            "dataSource": make("dataSource", name=table.namespace, uri=table.namespace),
            "documentation": make("documentation", description=table.about),
            "ownership": make("ownership", owners=[owner]),
            "datasetType": make("datasetType", datasetType=table.kind),
        }
        if columns := columns_of(table, at, self._span):
            fields = [{"name": name, "type": type_} for name, type_ in columns]
            found["schema"] = make("schema", fields=fields)
        if table.tags:
            tags = [{"key": tag, "value": tag} for tag in table.tags]
            found["tags"] = make("tags", tags=tags)
        return found | self._place(table)

    def _place(self, table: Table) -> Json:
        if table.alias is None:
            return {}
        namespace, name = table.alias
        also = {"namespace": namespace, "name": name, "type": "TABLE"}
        return {
            "symlinks": self._make("symlinks", identifiers=[also]),
            "storage": self._make("storage", storageLayer="s3", fileFormat="parquet"),
            "catalog": self._make("catalog", framework="hive", type="hive", name="metastore"),
        }

    # -- column lineage ----------------------------------------------------------------------------

    def _lines(self, step: Step, key: str, at: datetime) -> Json | None:
        inputs = reads(step, at, self._span)
        columns = {name for name, _ in columns_of(TABLES[key], at, self._span)}
        fields: dict[str, list[Json]] = {}
        for source in inputs:
            for name, _ in columns_of(TABLES[source], at, self._span):
                if name in columns and name not in fields:
                    fields[name] = [_column(source, name, "DIRECT", "IDENTITY")]
        whole = []
        for to, found in _told(step, inputs):
            if to == "*":
                whole += found
            elif to in columns:
                fields[to] = found
        if not fields:
            return None
        told = {name: {"inputFields": found} for name, found in sorted(fields.items())}
        return self._make("columnLineage", fields=told, dataset=whole)

    # -- checks ------------------------------------------------------------------------------------

    def _quality(self, run: Run, step: Step, rows: int) -> Json:
        assertions = [self._assertion(run, check) for check in step.checks]
        metrics = {c.column: {"nullCount": 0} for c in step.checks if c.column}
        return {
            "dataQualityAssertions": self._make("dataQualityAssertions", assertions=assertions),
            "dataQualityMetrics": self._make(
                "dataQualityMetrics", rowCount=rows, columnMetrics=metrics
            ),
        }

    def _assertion(self, run: Run, check: Check) -> Json:
        severity = "warn" if check.warns else "error"
        good = passes(self._seed, run, check, self._span)
        column = {"column": check.column} if check.column else {}
        actual = {} if good else {"expected": "0 rows", "actual": "17 rows"}
        return {
            "assertion": check.name, "success": good, "severity": severity, **column, **actual,
        }  # fmt: skip

    def _make(self, name: str, /, **content: object) -> Json:
        return dataset_facet(self._producer, name, **content)


def passes(seed: int, run: Run, check: Check, span: Span) -> bool:
    if check.broken and run.slot >= span.silence:
        return False
    return luck(seed, run.job.name, check.name, run.slot.isoformat()).random() >= check.fails


def reads(step: Step, at: datetime, span: Span) -> tuple[str, ...]:
    """What the step reads at that time."""
    return step.reads + step.reads_later if at >= span.change else step.reads


def columns_of(table: Table, at: datetime, span: Span) -> list[tuple[str, str]]:
    """(name, type) of each column the table has at that time."""
    told = [table.columns, table.later if at >= span.change else ""]
    words = [word.split() for text in told for word in text.split(", ") if word]
    return [(name, type_) for name, type_ in words]


def _name(table: Table) -> Json:
    return {"namespace": table.namespace, "name": table.name}


def _column(key: str, name: str, kind: str, subtype: str) -> Json:
    how = {"type": kind, "subtype": subtype, "description": "", "masking": subtype == "MASKING"}
    return {**_name(TABLES[key]), "field": name, "transformations": [how]}


def _told(step: Step, inputs: tuple[str, ...]) -> Iterator[tuple[str, list[Json]]]:
    """Each line as (column written, columns behind it), where those tables are read."""
    for line in step.lines:
        to, _, rest = line.partition(" = ")
        subtype, *sources = rest.split()
        kind = "INDIRECT" if to == "*" else "DIRECT"
        parts = [source.rpartition(".") for source in sources]
        found = [_column(key, name, kind, subtype) for key, _, name in parts if key in inputs]
        if found:
            yield to, found
