"""A Dag whose `publish` waits at a gate and gives its worker back between two questions."""

from datetime import timedelta
from urllib.parse import quote

from airflow.sdk import dag, task
from trackside import hub  # ten lines, beside this file


@dag(schedule=None)
def publish_orders() -> None:
    @task.sensor(mode="reschedule", poke_interval=30, timeout=timedelta(hours=2).total_seconds())
    def orders_are_good() -> bool:
        gate = hub("GET", f"/gates/{quote('s3://lake:shop/orders', safe='')}")
        print(*gate["reasons"], sep="\n")
        return gate["passed"] is True

    @task
    def publish() -> None:
        print("published")

    orders_are_good() >> publish()


publish_orders()
