"""An asset that is made only if the gate of what it reads passes."""

from urllib.parse import quote

import dagster as dg
from trackside import hub  # ten lines, beside this file


@dg.asset(retry_policy=dg.RetryPolicy(max_retries=3, delay=300))
def published_orders(context: dg.AssetExecutionContext) -> None:
    gate = hub("GET", f"/gates/{quote('s3://lake:shop/orders', safe='')}?wait=25")
    for reason in gate["reasons"]:
        context.log.info(reason)
    if not gate["passed"]:
        raise dg.Failure(f"the gate says {gate['status']}: {gate['reasons'][0]}")
