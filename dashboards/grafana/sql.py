"""What dashboards ask a hub's PostgreSQL itself, where its API gives only the latest.

The one place besides `hub.store` that knows tables; a test runs each text on a store of this release.
Grafana puts in the variables (quoted: they hold names that senders made) and the time that is shown.
"""

from __future__ import annotations

from typing import Final

#: Runs of the one job that is listed, within the time that is shown.
RUNS: Final = """\
SELECT
  encode(run.attempt_uuid, 'hex')::uuid::text AS run,
  run.state AS state,
  to_timestamp(run.sort_at / 1e6) AS started,
  (run.ended_at - run.started_at) / 1e6 AS seconds,
  run.partition_key AS partition,
  run.attempt_no AS attempt,
  run.error_class AS error
FROM run
JOIN job ON job.id = run.job_id
JOIN namespace ON namespace.id = job.namespace_id
WHERE namespace.name = ${one_namespace:sqlstring} AND job.name = ${one_job:sqlstring}
  AND run.sort_at BETWEEN $__unixEpochFrom()::bigint * 1000000 AND $__unixEpochTo()::bigint * 1000000
ORDER BY run.sort_at DESC
LIMIT 1000"""
