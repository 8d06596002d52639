"""The datasets of the made-up web shop, by the keys that jobs use."""

from __future__ import annotations

from typing import Final

from hub.demo.nouns import Table

SHOP: Final = "postgres://shop-db:5432"
DWH: Final = "postgres://dwh:5432"
LAKE: Final = "s3://lake"
LEDGER: Final = "postgres://ledger-db:5432"
KAFKA: Final = "kafka://events:9092"
REPORTS: Final = "file://reports-01"
METASTORE: Final = "hive://metastore:9083"

_ORDER = (
    "order_id bigint, customer_id bigint, ordered_at timestamptz, amount numeric, currency text"
)
_PAYMENT = "payment_id bigint, order_id bigint, paid_at timestamptz, amount numeric, method text"
_CUSTOMER = "customer_id bigint, email text, country text, signed_up_at timestamptz"

TABLES: Final[dict[str, Table]] = {
    # Where it comes from.
    "shop.orders": Table(
        SHOP, "shop.public.orders", "ingest", "Orders as the shop takes them.",
        _ORDER + ", status text", 48_000, tags=("source",),
    ),
    "shop.customers": Table(
        SHOP, "shop.public.customers", "ingest", "Who has an account.",
        _CUSTOMER, 120_000, tags=("source", "pii"),
    ),
    "shop.products": Table(
        SHOP, "shop.public.products", "ingest", "What is sold.",
        "product_id bigint, title text, category text, price numeric", 9_000, tags=("source",),
    ),
    "shop.stock": Table(
        SHOP, "shop.public.stock", "ingest", "What lies in the warehouse.",
        "product_id bigint, site text, pieces int", 30_000, tags=("source",),
    ),
    "psp.payments": Table(
        "https://api.psp.example", "v2/payments", "ingest", "Payments as the provider reports them.",
        _PAYMENT, 21_000, kind="FILE", tags=("source",),
    ),
    "events.clicks": Table(
        KAFKA, "web.clicks", "ingest", "What visitors do in the shop.",
        "session_id text, customer_id bigint, url text, at timestamptz", 900_000, kind="TOPIC",
    ),
    # The lake.
    "lake.orders": Table(
        LAKE, "raw/orders", "ingest", "Orders, raw, one folder per load.",
        _ORDER + ", status text", 4_000, kind="FILE", alias=(METASTORE, "raw.orders"),
    ),
    "lake.payments": Table(
        LAKE, "raw/payments", "ingest", "Payments, raw.",
        _PAYMENT, 5_000, kind="FILE", alias=(METASTORE, "raw.payments"),
    ),
    # The warehouse.
    "staging.orders": Table(
        DWH, "dwh.staging.orders", "ingest", "Orders, typed.", _ORDER + ", status text", 4_000,
    ),
    "staging.payments": Table(
        DWH, "dwh.staging.payments", "ingest", "Payments, typed.", _PAYMENT, 5_000,
    ),
    "staging.customers": Table(
        DWH, "dwh.staging.customers", "ingest", "Customers, typed.", _CUSTOMER, 120_000,
        tags=("pii",),
    ),
    "staging.stock": Table(
        DWH, "dwh.staging.stock", "ingest", "Stock, every three hours.",
        "product_id bigint, site text, pieces int, taken_at timestamptz", 30_000, max_age_h=4,
    ),
    "staging.fx": Table(
        DWH, "dwh.staging.fx_rates", "finance", "Exchange rates of the central bank.",
        "currency text, rate numeric, valid_at timestamptz", 32, max_age_h=5,
    ),
    "core.orders": Table(
        DWH, "dwh.core.orders", "ingest", "One row per order; the truth about orders.",
        _ORDER + ", status text", 48_000, later="channel text, category text",
        tags=("gold",), max_age_h=26,
    ),
    "core.payments": Table(
        DWH, "dwh.core.payments", "ingest", "One row per payment.", _PAYMENT, 21_000,
        tags=("gold",), max_age_h=26,
    ),
    "core.customers": Table(
        DWH, "dwh.core.customers", "ingest", "One row per customer.",
        "customer_id bigint, email_hash text, country text, signed_up_at timestamptz", 120_000,
        tags=("gold",), max_age_h=26,
    ),
    "mart.revenue": Table(
        DWH, "dwh.mart.revenue_daily", "finance", "Revenue by day and currency, in euro.",
        "day date, currency text, revenue numeric, orders bigint", 700,
        tags=("gold", "board"), max_age_h=28,
    ),
    "mart.close": Table(
        DWH, "dwh.mart.month_close", "finance", "Closed months.",
        "month date, revenue numeric, payouts numeric", 60,
    ),
    # What Dagster makes of it.
    "an.orders_by_customer": Table(
        DWH, "dwh.analytics.orders_by_customer", "analytics", "Orders summed per customer.",
        "customer_id bigint, orders bigint, revenue numeric, last_order_at timestamptz", 80_000,
    ),
    "an.customer_360": Table(
        DWH, "dwh.analytics.customer_360", "analytics", "All that is known of a customer.",
        "customer_id bigint, email_hash text, country text, revenue numeric, paid numeric", 120_000,
        tags=("gold",), max_age_h=30,
    ),
    "an.sessions": Table(
        DWH, "dwh.analytics.web_sessions", "analytics", "Clicks put together to visits.",
        "session_id text, customer_id bigint, started_at timestamptz, clicks int", 60_000,
    ),
    "an.campaigns": Table(
        DWH, "dwh.analytics.campaign_report", "analytics", "What campaigns bring.",
        "campaign text, visits bigint, revenue numeric", 400,
    ),
    "an.features": Table(
        DWH, "dwh.ml.churn_features", "ml", "What the churn model looks at.",
        "customer_id bigint, days_since_order int, revenue numeric, visits int", 120_000,
    ),
    "ml.model": Table(
        "s3://models", "churn", "ml", "The churn model.", "weights binary", 1, kind="MODEL",
    ),
    "an.scores": Table(
        DWH, "dwh.ml.churn_scores", "ml", "Who is about to leave.",
        "customer_id bigint, score double", 120_000,
    ),
    "an.forecast": Table(
        DWH, "dwh.ml.stock_forecast", "ml", "What will be missing in the warehouse.",
        "product_id bigint, site text, runs_out_on date", 9_000, max_age_h=26,
    ),
    # What leaves the house.
    "export.partners": Table(
        "s3://partner-exchange", "revenue.csv", "finance", "Revenue for partners.",
        "day date, currency text, revenue numeric", 700, kind="FILE", max_age_h=30,
    ),
    "report.pdf": Table(
        REPORTS, "/srv/reports/revenue.pdf", "finance", "The board's page.", "", 1, kind="FILE",
    ),
    "backup": Table(
        REPORTS, "/backup/dwh.dump", "ingest", "The warehouse, dumped.", "", 1, kind="FILE",
        max_age_h=30,
    ),
    # The settlement engine.
    "ledger.payouts": Table(
        LEDGER, "ledger.payouts", "finance", "What sellers are paid.",
        "payout_id bigint, order_id bigint, amount numeric, paid_out_at timestamptz", 2_000,
        max_age_h=4,
    ),
    "ledger.reconciled": Table(
        LEDGER, "ledger.reconciliation", "finance", "Payouts against revenue, by day.",
        "day date, revenue numeric, paid_out numeric, difference numeric", 30,
    ),
    "ledger.fraud": Table(
        LEDGER, "ledger.fraud_flags", "ml", "Payments that look wrong.",
        "payment_id bigint, reason text", 40,
    ),
    "ledger.risk": Table(
        LEDGER, "ledger.risk_scores", "ml", "Risk per seller.", "seller_id bigint, risk double", 900,
    ),
}  # fmt: skip
