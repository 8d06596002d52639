"""What sort of failure an error is: messages as orchestrators, engines and databases word them."""

from __future__ import annotations

import time

import pytest

from hub.failures import WHAT_TO_DO, FailureClass, classify

KILLED_BY_YARN = (
    "ExecutorLostFailure (executor 13 exited caused by one of the running tasks) Reason: "
    "Container killed by YARN for exceeding memory limits. 20.0 GB of 20 GB used."
)
WRONG_SQL = (
    "Database Error in model orders (models/orders.sql)\n  001003 (42000): SQL compilation "
    "error:\n  syntax error line 17 at position 0 unexpected 'order_payments'."
)
MESSAGES: dict[FailureClass, list[tuple[str | None, str | None]]] = {
    FailureClass.OUT_OF_MEMORY: [
        (None, "Task exited with return code Negsignal.SIGKILL"),
        (None, "Process terminated by signal. Task exited with return code -9"),
        (None, "Pod load-7f9 failed: container base terminated: OOMKilled, exit code: 137"),
        ("java.lang.OutOfMemoryError", "Java heap space"),
        (None, "java.lang.OutOfMemoryError: GC overhead limit exceeded"),
        (None, KILLED_BY_YARN),
        ("MemoryError", ""),
        ("numpy.core._exceptions._ArrayMemoryError", "Unable to allocate 7.45 GiB for an array"),
        (None, "Resources exceeded during query execution: The query could not be executed"),
        ("psycopg2.errors.OutOfMemory", "ERROR: out of memory DETAIL: Failed on request of size 8"),
        (None, "Query exceeded per-node memory limit of 10GB"),
    ],
    FailureClass.TRANSIENT: [
        ("requests.exceptions.ConnectionError", "HTTPConnectionPool: Max retries exceeded"),
        ("ConnectionRefusedError", "[Errno 111] Connection refused"),
        ("psycopg2.OperationalError", "server closed the connection unexpectedly"),
        (None, "FATAL:  sorry, too many clients already"),
        (
            None,
            "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute",
        ),
        ("psycopg2.errors.DeadlockDetected", "deadlock detected"),
        (None, "could not serialize access due to concurrent update"),
        (None, "googleapi: Error 403: Exceeded rate limits: too many table update operations"),
        (None, "403 Quota exceeded: Your project exceeded quota for free query bytes scanned"),
        (None, "503 Server Error: Service Unavailable for url: https://api.example.org"),
        ("botocore.exceptions.ClientError", "An error occurred (ThrottlingException)"),
        ("socket.gaierror", "[Errno -3] Temporary failure in name resolution"),
        (None, "The node was low on resource: ephemeral-storage. Pod was evicted"),
        (None, "ExecutorLostFailure (executor 4 lost)"),
        (None, "org.apache.spark.shuffle.FetchFailedException: Failed to connect"),
        (None, "Detected zombie job with dag_id='etl'"),
        (
            "dagster._core.errors.DagsterExecutionInterruptedError",
            'dagster._core.errors.DagsterExecutionInterruptedError\n\nStack Trace:\n  File "/x.py"',
        ),
        (None, "requests.exceptions.ReadTimeout: Read timed out. (read timeout=30)"),
    ],
    FailureClass.AUTH: [
        ("psycopg2.errors.InsufficientPrivilege", "permission denied for table orders"),
        (None, 'FATAL:  password authentication failed for user "etl"'),
        (None, 'no pg_hba.conf entry for host "10.0.0.7", user "etl"'),
        (None, "250001 (08001): Failed to connect to DB. Incorrect username or password"),
        (None, "SQL access control error:\nInsufficient privileges to operate on schema 'MART'"),
        (None, "403 Access Denied: Table prod:mart.orders: User does not have bigquery.tables.get"),
        (None, "An error occurred (AccessDenied) when calling the GetObject operation"),
        (None, "An error occurred (ExpiredToken) when calling the ListObjectsV2 operation"),
        ("botocore.exceptions.NoCredentialsError", "Unable to locate credentials"),
        (None, '(403)\nReason: Forbidden\npods is forbidden: User "system:serviceaccount:x"'),
        (None, "401 Client Error: Unauthorized for url: https://api.example.org"),
    ],
    FailureClass.UPSTREAM_NOT_READY: [
        ("airflow.exceptions.AirflowSensorTimeout", "Sensor has timed out; run duration of 3600"),
        ("airflow.exceptions.ExternalTaskFailedError", "The external DAG etl failed."),
        (None, "Dependencies for step after_fail failed: ['always_fail']. Not executing."),
        ("FileNotFoundError", "[Errno 2] No such file or directory: '/data/2026-11-25.csv'"),
        (None, "An error occurred (NoSuchKey) when calling the GetObject operation"),
        (None, "AnalysisException: [PATH_NOT_FOUND] Path does not exist: s3://lake/day=2026-11-25"),
        (None, "[TABLE_OR_VIEW_NOT_FOUND] The table or view `raw`.`orders` cannot be found"),
        (None, 'relation "raw.orders" does not exist\nLINE 1: select * from raw.orders'),
        (None, "404 Not found: Table prod:raw.orders was not found in location EU"),
        (None, "SQL compilation error:\nObject 'RAW.ORDERS' does not exist or not authorized."),
    ],
    FailureClass.DATA_QUALITY: [
        (None, "Got 78 results, configured to fail if != 0"),
        ("dagster.DagsterAssetCheckFailedError", "Blocking check failed"),
        (None, 'null value in column "id" violates not-null constraint'),
        (None, 'duplicate key value violates unique constraint "orders_pkey"'),
        (None, "100038 (22018): Numeric value 'n/a' is not recognized"),
        (None, "100090 (42P18): Duplicate row detected during DML action"),
        (None, "UPDATE/MERGE must match at most one source row for each target row"),
        (None, 'invalid input syntax for type integer: "12a"'),
        (None, "Error while reading data, error message: CSV table encountered too many errors"),
        (None, "[CAST_INVALID_INPUT] The value 'x' of the type STRING cannot be cast to INT"),
        ("json.decoder.JSONDecodeError", "Expecting value: line 1 column 1 (char 0)"),
    ],
    FailureClass.TIMEOUT: [
        ("airflow.sdk.exceptions.AirflowTaskTimeout", "Timeout, PID: 19199"),
        (None, "canceling statement due to statement timeout"),
        (None, "Statement reached its statement or warehouse timeout of 3,600 second(s)"),
        (None, "DeadlineExceeded: Job was active longer than specified deadline"),
        (None, "Operation timed out after 6.0 hours. Consider reducing the amount of work"),
    ],
    FailureClass.UNKNOWN: [
        (None, None),
        ("ValueError", "boom try=3"),
        ("RuntimeError", "boom"),
        (None, "Dag Run's state was manually set to `failed`."),
        (None, "Command `dbt run` failed at 14:15:53.397367 after 16.35 seconds"),
        (None, WRONG_SQL),
        (None, "dagster._core.definitions.events.Failure: deliberate failure"),
        (None, "ModuleNotFoundError: No module named 'not_a_module_xyz'"),
        (None, "ran in 4.03 s and left 503 rows"),
        # A file of the stack is called so, the error is not.
        (
            None,
            "KeyError: 'x'\n  File \"/opt/timeout.py\", line 3, in connection_refused\n    a()\n",
        ),
    ],
}
CASES = [
    (sort, error_class, message)
    for sort, messages in MESSAGES.items()
    for error_class, message in messages
]


@pytest.mark.parametrize(("sort", "error_class", "message"), CASES)
def test_a_message_is_of_the_sort_that_tells_what_to_do(
    sort: FailureClass, error_class: str | None, message: str | None
) -> None:
    assert classify(error_class, message) == sort


def test_each_sort_says_what_to_do() -> None:
    assert set(WHAT_TO_DO) == set(FailureClass)


def test_a_long_message_is_read_in_no_time() -> None:
    begun = time.process_time()
    classify(None, "value relation object exceeded upstream task " * 50_000)
    assert time.process_time() - begun < 0.2
