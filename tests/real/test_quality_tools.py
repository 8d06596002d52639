"""Real dbt with dbt-ol, Great Expectations and Soda: what they find comes to the checks of a hub."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.support import quality
from tests.support.hub_process import HubProcess, trackside

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        not quality.installed(),
        reason=f"no quality tools in {quality.VENV.name}: make {quality.VENV.name} installs them",
    ),
]

PROJECT = Path(__file__).parent / "dbt_shop"
SPACE, ORDERS = "duckdb://shop.duckdb", "shop.main.orders"
CONFIG = f"""\
orchestrators:
  - name: engine
    kind: engine
    namespaces: [jobs]
    settings: {{launch: pull}}
subscriptions:
  - name: mart
    when: {SPACE}/{ORDERS} gate(checks passed)
    launch: {{orchestrator: engine, job: mart}}
"""
LOAD = """
import duckdb
shop = duckdb.connect("shop.duckdb")
shop.execute("create or replace table raw_orders as select * from (values"
             " (1, 1, now()::timestamp), (2, {customer}, now()::timestamp)) t(id, customer_id, loaded_at)")
"""


class Shop:
    """A dbt project, and a hub that hears of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "shop"
        shutil.copytree(PROJECT, self.folder)
        (folder / "trackside.yaml").write_text(CONFIG)
        self.hub = HubProcess(folder)

    def load(self, customer: str) -> None:
        quality.python(LOAD.format(customer=customer), self.folder)

    def dbt(self, *arguments: str, code: int = 0) -> None:
        quality.run("dbt", "--quiet", *arguments, folder=self.folder, code=code)

    def tell(self, *arguments: str) -> str:
        told = {"TRACKSIDE_URL": self.hub.url, "TRACKSIDE_SPOOL": str(self.folder / "spool")}
        done = trackside("checks", "import", *arguments, folder=self.folder, environment=told)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def get(self, path: str, **query: Any) -> Any:
        answer = httpx.get(f"{self.hub.url}/api/v1{path}", params=query, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def gate(self, name: str = ORDERS, space: str = SPACE, **query: Any) -> Any:
        return self.get(f"/gates/{quote(f'{space}:{name}', safe='')}", **query)

    def job(self, name: str) -> Any:
        return self.get(f"/namespaces/dbt/jobs/{quote(name, safe='')}")

    def runs(self, name: str) -> list[Any]:
        path = f"/namespaces/dbt/jobs/{quote(name, safe='')}/runs"
        found: list[Any] = self.get(path, limit=100)["runs"]
        return found

    def incidents(self, rule: str, *, open_: bool = True) -> list[Any]:
        found: list[Any] = self.get("/incidents", rule=rule, open=open_)["incidents"]
        return found

    def launches(self) -> list[Any]:
        found: list[Any] = self.get("/subscriptions/mart/launches")["launches"]
        return found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    shop = Shop(tmp_path_factory.mktemp("quality"))
    with shop.hub:
        yield shop


def eventually(look: Callable[[], Any]) -> Any:
    end = time.monotonic() + 60
    while not (found := look()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.2)
    return found


def test_a_failing_test_of_dbt_holds_back_what_its_repair_lets_go(shop: Shop) -> None:
    shop.load(customer="null")
    shop.dbt("build", code=1)
    assert "2 checks, 1 failed" in shop.tell("dbt", "target")

    (one,) = eventually(lambda: shop.incidents("failed-check"))
    assert "check not_null_orders_customer_id of column customer_id failed" in one["reason"]
    assert shop.gate()["status"] == "failed"
    (waiting,) = eventually(lambda: shop.get("/subscriptions/mart/arrivals")["arrivals"])
    assert waiting["fate"] == "waiting"
    assert shop.launches() == []

    quality.python(
        "import duckdb; duckdb.connect('shop.duckdb').execute('update orders set customer_id = 2')",
        shop.folder,
    )
    shop.dbt("test")
    assert "2 checks, 0 failed" in shop.tell("dbt", "target")

    eventually(lambda: not shop.incidents("failed-check"))
    (over,) = shop.incidents("failed-check", open_=False)
    assert (over["id"], over["state"]) == (one["id"], "RESOLVED")
    assert shop.gate(incidents=False)["status"] == "passed"
    assert len(eventually(shop.launches)) == 1


def test_the_freshness_of_a_source_is_an_update_a_check_and_a_policy(shop: Shop) -> None:
    shop.load(customer="1")
    shop.dbt("source", "freshness")
    shop.tell("dbt", "target/sources.json")
    reasons = str(shop.gate("shop.main.raw_orders"))
    assert "shop.main.raw_orders was last updated at" in reasons
    assert "fresh by its policy (at most 1 d old)" in reasons
    assert (
        shop.gate("shop.main.raw_orders", check="freshness", incidents=False)["status"] == "passed"
    )


def test_dbt_ol_names_jobs_datasets_and_checks_as_the_import_does(shop: Shop) -> None:
    """So that a project may change from one to the other."""
    shop.load(customer="null")
    where = {"OPENLINEAGE_URL": shop.hub.url, "OPENLINEAGE_NAMESPACE": "dbt"}
    before = len(shop.runs("shop.main.shop.orders.build.run"))
    quality.run("dbt-ol", "build", folder=shop.folder, code=1, **where)
    told = shop.runs("shop.main.shop.orders.build.run")
    assert len(told) == before + 1
    shop.tell("dbt", "target")
    mine = shop.runs("shop.main.shop.orders.build.run")
    assert len(mine) == before + 2
    assert {run["state"] for run in mine} == {"COMPLETED"}

    model = shop.job("shop.main.shop.orders.build.run")
    reads = {one["name"] for one in model["inputs"]}
    assert reads == {"shop.main.raw_orders", "shop.main.customers"}
    assert model["outputs"] == [{"namespace": SPACE, "name": ORDERS}]
    assert shop.job("dbt-run-shop")["latestRun"]["state"] == "FAILED"
    failed = [one for one in shop.gate(incidents=False)["reasons"] if "failed" in one]
    check = "check not_null_orders_customer_id of column customer_id failed: 1 found, 0 expected"
    assert [one.count(check) for one in failed] == [1]
    assert "(1 of 2 checks passed since the update)" in failed[0]


GREAT_EXPECTATIONS = """
import json, sqlite3
import great_expectations as gx

with sqlite3.connect("gx.db") as shop:
    shop.execute("create table orders(id int, day text, amount real)")
    shop.execute("insert into orders values(1, '2026-11-29', 2.0), (2, '2026-11-29', null)")
context = gx.get_context(mode="ephemeral")
asset = context.data_sources.add_sqlite("shop", connection_string="sqlite:///gx.db").add_table_asset(
    "orders_asset", table_name="orders"
)
suite = context.suites.add(gx.ExpectationSuite("orders"))
expect = gx.expectations
suite.add_expectation(expect.ExpectColumnValuesToNotBeNull(column="amount", severity="warning"))
suite.add_expectation(expect.ExpectTableRowCountToBeBetween(min_value=1, max_value=10))
suite.add_expectation(expect.ExpectColumnMeanToBeBetween(column="nope", min_value=1, max_value=2))
daily = asset.add_batch_definition_daily("daily", column="day")
definition = context.validation_definitions.add(
    gx.ValidationDefinition(name="orders", data=daily, suite=suite)
)
checkpoint = context.checkpoints.add(gx.Checkpoint(name="nightly", validation_definitions=[definition]))
found = checkpoint.run(batch_parameters={"year": 2026, "month": 11, "day": 29})
with open("gx.json", "w") as file:
    json.dump([one.to_json_dict() for one in found.run_results.values()], file)
"""


def test_great_expectations(shop: Shop) -> None:
    quality.python(GREAT_EXPECTATIONS, shop.folder)
    told = ("great-expectations", "gx.json", "--namespace", "sqlite://gx", "--dataset")
    shown = shop.tell(*told, "main.{table}", "--dry-run").splitlines()
    where = "sqlite://gx:main.orders [2026-11-29]"
    assert sorted(shown) == [
        "3 checks, 2 failed, in 2 lineage events",
        (
            f"FAILED  {where} expect_column_mean_to_be_between of column nope: "
            'Error: The column "nope" in BatchData does not exist. found, '
            "max_value=2.0, min_value=1.0 expected"
        ),
        (
            f"FAILED  {where} expect_column_values_to_not_be_null of column amount: "
            "1 of 2 unexpected found"
        ),
        (
            f"PASSED  {where} expect_table_row_count_to_be_between: "
            "2 found, max_value=10, min_value=1 expected"
        ),
    ]
    shop.tell(*told, "main.{table}")
    opened = eventually(
        lambda: [one for one in shop.incidents("check-warning") if "amount" in one["reason"]]
    )
    assert opened[0]["evidence"]["partition"] == "2026-11-29"


SODA = """
import duckdb, json
from soda.scan import Scan

shop = duckdb.connect(":memory:")
shop.execute("create table orders as select * from (values (1, 10), (2, null), (2, 5)) t(id, amount)")
scan = Scan()
scan.add_duckdb_connection(shop, "shop")
scan.set_data_source_name("shop")
scan.set_scan_definition_name("nightly")
scan.add_sodacl_yaml_str('''
checks for orders:
  - row_count > 0
  - duplicate_count(id) = 0
  - missing_count(amount):
      name: amounts are there
      warn: when > 0
''')
scan.execute()
with open("soda.json", "w") as file:
    json.dump(scan.get_scan_results(), file)
"""


def test_soda(shop: Shop) -> None:
    quality.python(SODA, shop.folder)
    told = ("soda", "soda.json", "--namespace", "duckdb://soda", "--partition", "2026-11-29")
    shown = shop.tell(*told, "--dry-run").splitlines()
    where = "duckdb://soda:orders [2026-11-29]"
    assert sorted(shown) == [
        "3 checks, 2 failed, in 2 lineage events",
        f"FAILED  {where} amounts are there of column amount: 1 found, not > 0 expected",
        f"FAILED  {where} duplicate_count(id) = 0 of column id: 1 found, not > 0, not < 0 expected",
        f"PASSED  {where} row_count > 0: 3 found, not <= 0 expected",
    ]
    shop.tell(*told)
    assert shop.get("/namespaces/soda/jobs/nightly")["latestRun"]["state"] == "COMPLETED"
    opened = eventually(
        lambda: [one for one in shop.incidents("failed-check") if "duplicate" in one["reason"]]
    )
    assert opened[0]["evidence"]["partition"] == "2026-11-29"
