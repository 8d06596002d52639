"""Three applications, one after the other: one does its work, one fails, one is never done."""

from __future__ import annotations

import sys
from pathlib import Path

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession


def application(name: str) -> SparkSession:
    return SparkSession.builder.appName(name).getOrCreate()


def daily(lake: Path) -> None:
    """Joins two files into partitions, and sums these up in a table."""
    spark = application("daily_orders")
    read = spark.read.options(header=True, inferSchema=True)
    orders, customers = (read.csv(f"{lake}/{name}.csv") for name in ("orders", "customers"))
    joined = orders.join(customers, orders.customer == customers.customer_id)
    chosen = joined.select("order_id", "amount", "country")
    chosen.write.partitionBy("country").parquet(f"{lake}/by_country")
    spark.read.parquet(f"{lake}/by_country").createOrReplaceTempView("by_country")
    spark.sql(
        "create table totals using parquet as "
        "select country, sum(amount) as total from by_country group by country"
    )
    spark.stop()


def bad(lake: Path) -> None:
    spark = application("bad_orders")
    rows = spark.read.parquet(f"{lake}/by_country")
    checked = "if(amount < 0, raise_error('amount is negative'), amount) as amount"
    try:
        rows.selectExpr(checked).write.parquet(f"{lake}/checked")
    except PySparkException as error:
        print("FAILED", error)
    spark.stop()


def slow(lake: Path) -> None:
    spark = application("slow_orders")
    rows = spark.read.parquet(f"{lake}/by_country")
    rows.selectExpr("java_method('java.lang.Thread', 'sleep', 600000L)").write.parquet(f"{lake}/no")


def main() -> None:
    lake = Path(sys.argv[1])
    (lake / "orders.csv").write_text("order_id,customer,amount\n1,10,5.5\n2,11,-7\n3,10,1.5\n")
    (lake / "customers.csv").write_text("customer_id,country\n10,CH\n11,DE\n")
    daily(lake)
    bad(lake)
    slow(lake)


if __name__ == "__main__":
    main()
