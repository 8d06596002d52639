"""The jobs of the made-up web shop, in an order in which every table is written before it is read."""

from __future__ import annotations

from typing import Final

from hub.demo.nouns import Check, Cron, Every, Job, Step, Stream, Trouble, Updated

AIRFLOW: Final = "af-prod"
DAGSTER: Final = "dagster://analytics"
HOST: Final = "cron://reports-01"
ENGINE: Final = "settlement"

_LOCKED = "OperationalError: could not obtain lock on relation dwh.core.orders"
_GONE = "ConnectionError: connection to shop-db closed by peer"
_S3 = "ClientError: SlowDown (503) when calling PutObject"
_MEMORY = "MemoryError: worker used 4.1 of 4.0 GiB"
_TYPE = "ValueError: invalid literal for int() with base 10: 'n/a'"

JOBS: Final = (
    # Airflow: loads the warehouse.
    Job(
        AIRFLOW, "ingest_orders", "ingest", "Takes new orders from the shop.", Cron("15 */2 * * *"),
        (
            Step("extract", ("shop.orders",), ("lake.orders",), 2.5, errors=(_GONE, _S3)),
            Step("load", ("lake.orders",), ("staging.orders",), 3.5, errors=(_S3, _TYPE)),
        ),
        retries=2,
    ),
    Job(
        AIRFLOW, "ingest_payments", "ingest", "Asks the provider for payments.",
        Cron("40 */6 * * *"),
        (
            Step("extract", ("psp.payments",), ("lake.payments",), 6, fails=0.08, errors=(
                "HTTPError: 429 Client Error: Too Many Requests for url: https://api.psp.example",
            )),
            Step("load", ("lake.payments",), ("staging.payments",), 3),
        ),
        retries=3,
    ),
    Job(
        AIRFLOW, "ingest_customers", "ingest", "Takes all customers from the shop.",
        Cron("0 1 * * *"),
        (Step("copy", ("shop.customers",), ("staging.customers",), 14, errors=(_GONE,)),),
        tags=("pii",),
    ),
    Job(
        AIRFLOW, "stock_levels", "ingest", "Counts the stock every three hours.",
        Cron("20 */3 * * *"),
        (Step("snapshot", ("shop.stock",), ("staging.stock",), 4),),
        trouble=Trouble.LATE,
    ),
    Job(
        AIRFLOW, "fx_rates", "finance", "Fetches exchange rates.", Every(180),
        (Step("fetch", (), ("staging.fx",), 0.5, fails=0.05, errors=(
            "ReadTimeout: HTTPSConnectionPool(host='ecb.example', port=443): Read timed out.",
        )),),
        retries=2,
    ),
    Job(
        AIRFLOW, "load_warehouse", "ingest", "Merges the day into the warehouse.",
        Cron("0 3 * * *", "Europe/Berlin"),
        (
            Step(
                "merge_customers", ("staging.customers",), ("core.customers",), 9,
                ("email_hash = MASKING staging.customers.email",), errors=(_LOCKED,),
                sql="merge into core.customers using staging.customers on customer_id",
            ),
            Step(
                "merge_orders", ("staging.orders",), ("core.orders",), 21,
                ("category = IDENTITY shop.products.category", "* = FILTER staging.orders.status"),
                reads_later=("shop.products",), errors=(_LOCKED,), fails=0.05,
                sql="merge into core.orders using staging.orders on order_id where status <> 'test'",
            ),
            Step(
                "merge_payments", ("staging.payments",), ("core.payments",), 8, errors=(_LOCKED,),
                sql="merge into core.payments using staging.payments on payment_id",
            ),
            Step(
                "check_orders", ("core.orders",), (), 1.5,
                checks=(
                    Check("unique", "order_id"),
                    Check("not_null", "customer_id", fails=0.03),
                    Check("row_count_above_40000", fails=0.08),
                    Check("accepted_values", "currency", warns=True, broken=True),
                ),
            ),
        ),
        retries=1, tags=("gold",),
    ),
    Job(
        AIRFLOW, "revenue_daily", "finance", "Sums the revenue once orders and payments are there.",
        Updated(("core.orders", "core.payments")),
        (
            Step(
                "build", ("core.orders", "core.payments", "staging.fx"), ("mart.revenue",), 17,
                (
                    "day = TRANSFORMATION core.orders.ordered_at",
                    "revenue = AGGREGATION core.payments.amount staging.fx.rate",
                    "orders = AGGREGATION core.orders.order_id",
                    "* = JOIN core.orders.order_id core.payments.order_id",
                    "* = GROUP_BY core.orders.currency",
                ),
                sql="insert into mart.revenue_daily select date(ordered_at), currency, sum(amount"
                " * rate), count(*) from core.orders join core.payments using (order_id) join"
                " staging.fx_rates using (currency) group by 1, 2",
            ),
            Step("check", ("mart.revenue",), (), 1, checks=(
                Check("revenue_not_negative", "revenue"), Check("every_day_is_there", "day"),
            )),
        ),
        trouble=Trouble.CREEP, tags=("board",),
    ),
    Job(
        AIRFLOW, "export_partners", "finance", "Gives partners their numbers.",
        Cron("40 4 * * *", "Europe/Berlin"),
        (
            Step("dump", ("mart.revenue",), (), 4),
            Step("upload", ("mart.revenue",), ("export.partners",), 8, errors=(_S3,)),
        ),
        trouble=Trouble.STUCK,
    ),
    Job(
        AIRFLOW, "month_end_close", "finance", "Closes the month.",
        Cron("0 6 1 * *", "Europe/Berlin"),
        (Step("close", ("mart.revenue", "ledger.payouts"), ("mart.close",), 45,
              ("payouts = AGGREGATION ledger.payouts.amount",)),),
    ),
    # Dagster: makes sense of it.
    Job(
        DAGSTER, "customer_360", "analytics", "All that is known of a customer, by day.",
        Cron("30 5 * * *", "Europe/London"),
        (
            Step(
                "orders_by_customer", ("core.orders",), ("an.orders_by_customer",), 7,
                (
                    "orders = AGGREGATION core.orders.order_id",
                    "revenue = AGGREGATION core.orders.amount",
                    "last_order_at = AGGREGATION core.orders.ordered_at",
                ),
            ),
            Step(
                "customer_360", ("core.customers", "an.orders_by_customer", "core.payments"),
                ("an.customer_360",), 12,
                ("paid = AGGREGATION core.payments.amount",
                 "* = JOIN core.customers.customer_id an.orders_by_customer.customer_id"),
                errors=(_MEMORY,), fails=0.05,
            ),
            Step("customer_360_checks", ("an.customer_360",), (), 1, checks=(
                Check("email_hash_is_there", "email_hash", fails=0.05),
                Check("as_many_as_customers", broken=True),
            )),
        ),
        partitioned=True,
    ),
    Job(
        DAGSTER, "web_sessions", "analytics", "Puts clicks together to visits.",
        Cron("5 */3 * * *"),
        (Step("web_sessions", ("events.clicks",), ("an.sessions",), 11,
              ("started_at = AGGREGATION events.clicks.at",
               "clicks = AGGREGATION events.clicks.url"), errors=(_MEMORY,), fails=0.03),),
        partitioned=True,
    ),
    Job(
        DAGSTER, "marketing_report", "analytics", "What campaigns bring, for the morning meeting.",
        Cron("0 8 * * 1-5", "America/New_York"),
        (Step("campaign_report", ("an.sessions", "an.customer_360"), ("an.campaigns",), 6,
              ("visits = AGGREGATION an.sessions.session_id",
               "campaign = TRANSFORMATION an.sessions.session_id")),),
        tags=("board",),
    ),
    Job(
        DAGSTER, "churn_features", "ml", "What the churn model looks at.", Cron("0 6 * * *"),
        (Step("churn_features", ("an.customer_360", "an.sessions"), ("an.features",), 15,
              ("visits = AGGREGATION an.sessions.session_id",)),),
        partitioned=True,
    ),
    Job(
        DAGSTER, "churn_model", "ml", "Trains the churn model and scores everybody.",
        Cron("0 7 * * 1"),
        (
            Step("train", ("an.features",), ("ml.model",), 95, errors=(_MEMORY,), fails=0.1),
            Step("score", ("an.features", "ml.model"), ("an.scores",), 10,
                 ("score = TRANSFORMATION an.features.revenue an.features.visits",)),
        ),
    ),
    Job(
        DAGSTER, "stock_forecast", "ml", "What will be missing in the warehouse.",
        Cron("15 7 * * *", "Asia/Tokyo"),
        (Step("stock_forecast", ("staging.stock",), ("an.forecast",), 9,
              ("runs_out_on = TRANSFORMATION staging.stock.pieces",)),),
        trouble=Trouble.SILENT,
    ),
    # A host's cron.
    Job(
        HOST, "backup_warehouse", "ingest", "Dumps the warehouse.",
        Cron("30 1 * * *", "Europe/Berlin"),
        (Step("pg_dump", ("core.orders", "core.payments", "core.customers"), ("backup",), 52,
              errors=("exit status 1: pg_dump: error: No space left on device",)),),
        retries=0,
    ),
    Job(
        HOST, "mail_revenue", "finance", "Mails the board its page.",
        Cron("0 9 * * 1-5", "Europe/Berlin"),
        (Step("mail", ("mart.revenue",), ("report.pdf",), 1,
              errors=("exit status 75: sendmail: deferred",)),),
        retries=0, tags=("board",),
    ),
    Job(
        HOST, "rotate_exports", "ingest", "Throws old exports away.", Cron("10 0 * * 0"),
        (Step("rotate", (), (), 2),),
        retries=0,
    ),
    # An engine of the house.
    Job(
        ENGINE, "payouts", "finance", "Pays sellers.", Every(120),
        (Step("payouts", ("core.payments",), ("ledger.payouts",), 5,
              ("amount = TRANSFORMATION core.payments.amount",),
              errors=("com.example.settle.BankClosedException: cut-off passed",), fails=0.04),),
    ),
    Job(
        ENGINE, "reconcile", "finance", "Compares payouts with revenue.",
        Updated(("mart.revenue",)),
        (Step("reconcile", ("mart.revenue", "ledger.payouts"), ("ledger.reconciled",), 3,
              ("paid_out = AGGREGATION ledger.payouts.amount",
               "difference = AGGREGATION mart.revenue.revenue ledger.payouts.amount"),
              checks=(Check("difference_below_1_percent", fails=0.15),)),),
    ),
    Job(
        ENGINE, "risk_scores", "ml", "Rates sellers.", Every(360),
        (Step("risk", ("ledger.payouts", "an.scores"), ("ledger.risk",), 7),),
    ),
    Job(
        ENGINE, "fraud_stream", "ml", "Looks at every payment as it comes.", Stream(),
        (Step("fraud", ("lake.payments",), ("ledger.fraud",), 60),),
    ),
)  # fmt: skip
