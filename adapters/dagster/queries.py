"""What is asked of Dagster, each query with what its answer is read as.

Two fields of one name in several fragments must be of one type: `assetKey` is nullable in some
events and not in others, so where both are asked for one is left out or renamed.
"""

from typing import Final

PULSE: Final = """
query TracksidePulse($waiting: RunsFilter, $running: RunsFilter) {
  version
  workspaceOrError { __typename
    ... on Workspace { locationEntries { name loadStatus updatedTimestamp versionKey
      locationOrLoadError { __typename
        ... on RepositoryLocation { repositories { name } }
        ... on PythonError { message className causes { message } } } } }
    ... on PythonError { message } }
  instance {
    daemonHealth { allDaemonStatuses { daemonType required lastHeartbeatTime
      lastHeartbeatErrors { message causes { message } } } }
    runQueuingSupported
    runQueueConfig { maxConcurrentRuns }
    concurrencyLimits { concurrencyKey slotCount limit activeSlotCount pendingStepCount
      pendingSteps { enqueuedTimestamp assignedTimestamp } } }
  waiting: runsOrError(filter: $waiting limit: 1000) { __typename
    ... on Runs { count results { runId status jobName creationTime } }
    ... on PythonError { message } ... on InvalidPipelineRunsFilterError { message } }
  running: runsOrError(filter: $running limit: 1) { __typename
    ... on Runs { count }
    ... on PythonError { message } ... on InvalidPipelineRunsFilterError { message } }
}
"""

RUNS: Final = """
query TracksideRuns($filter: RunsFilter, $cursor: String, $limit: Int) {
  runsOrError(filter: $filter cursor: $cursor limit: $limit) { __typename
    ... on Runs { count results {
      runId status jobName creationTime startTime endTime updateTime rootRunId parentRunId
      tags { key value } repositoryOrigin { repositoryName repositoryLocationName } } }
    ... on InvalidPipelineRunsFilterError { message }
    ... on PythonError { message } }
}
"""

_METADATA: Final = """metadataEntries { label
  ... on TextMetadataEntry { text } ... on UrlMetadataEntry { url } ... on PathMetadataEntry { path }
  ... on IntMetadataEntry { intValue intRepr } ... on FloatMetadataEntry { floatValue }
  ... on BoolMetadataEntry { boolValue }
  ... on TableSchemaMetadataEntry { schema { columns { name type description } } }
  ... on TableColumnLineageMetadataEntry {
    lineage { columnName columnDeps { assetKey { path } columnName } } } }"""

DETAILS: Final = f"""
query TracksideDetails($filter: RunsFilter, $limit: Int) {{
  runsOrError(filter: $filter limit: $limit) {{ __typename
    ... on Runs {{ results {{ runId
      stats {{ __typename
        ... on RunStatsSnapshot {{ enqueuedTime launchTime startTime endTime }}
        ... on PythonError {{ message }} }}
      stepStats {{ stepKey status startTime endTime attempts {{ startTime endTime }} }}
      assetChecks {{ name }} assetSelection(limit: 1) {{ path }}
      assetMaterializations {{ assetKey {{ path }} runId stepKey timestamp partition
        tags {{ key value }} {_METADATA} }} }} }}
    ... on InvalidPipelineRunsFilterError {{ message }}
    ... on PythonError {{ message }} }}
}}
"""

LOG: Final = f"""
query TracksideLog($run: ID!, $after: String, $limit: Int) {{
  logsForRun(runId: $run afterCursor: $after limit: $limit) {{ __typename
    ... on EventConnection {{ cursor hasMore events {{ __typename
      ... on MessageEvent {{ eventType timestamp level stepKey message }}
      ... on ErrorEvent {{ error {{ message className stack causes {{ message className stack }} }} }}
      ... on ObservationEvent {{ assetKey {{ path }} partition tags {{ key value }} {_METADATA} }}
      ... on AssetCheckEvaluationEvent {{ evaluation {{
        checkName assetKey {{ path }} success severity description partition }} }}
      ... on LogsCapturedEvent {{ fileKey stepKeys externalUrl }} }} }}
    ... on RunNotFoundError {{ message }}
    ... on PythonError {{ message }} }}
}}
"""


def ticks(count: int) -> str:
    """Of so many ticks at once, each of a schedule of its own: `$instigator0`, `$tick0` and so on."""
    variables = ", ".join(
        f"$instigator{i}: InstigationSelector!, $tick{i}: ID!" for i in range(count)
    )
    asked = "\n".join(
        f"""tick{i}: instigationStateOrError(instigationSelector: $instigator{i}) {{ __typename
          ... on InstigationState {{ tick(tickId: $tick{i}) {{ tickId timestamp }} }}
          ... on InstigationStateNotFoundError {{ message }}
          ... on PythonError {{ message }} }}"""
        for i in range(count)
    )
    return f"query TracksideTicks({variables}) {{ {asked} }}"


INSTIGATORS: Final = """
query TracksideInstigators($repository: RepositorySelector!, $after: Float) {
  schedulesOrError(repositorySelector: $repository) { __typename
    ... on Schedules { results { name cronSchedule executionTimezone pipelineName
      scheduleState { status typeSpecificData { ... on ScheduleData { startTimestamp } }
        ticks(afterTimestamp: $after limit: 25) {
          tickId status timestamp endTimestamp skipReason
          error { message causes { message } } } } } }
    ... on RepositoryNotFoundError { message } ... on PythonError { message } }
  sensorsOrError(repositorySelector: $repository) { __typename
    ... on Sensors { results { name sensorType targets { pipelineName }
      sensorState { status ticks(afterTimestamp: $after limit: 5) {
        tickId status timestamp error { message causes { message } } } } } }
    ... on RepositoryNotFoundError { message } ... on PythonError { message } }
}
"""

JOBS: Final = """
query TracksideJobs {
  repositoriesOrError { __typename
    ... on RepositoryConnection { nodes { name location { name }
      jobs { name description isAssetJob nodeNames tags { key value }
        owners { __typename
          ... on UserDefinitionOwner { email } ... on TeamDefinitionOwner { team } } } } }
    ... on RepositoryNotFoundError { message } ... on PythonError { message } }
}
"""

ASSET_KEYS: Final = """
query TracksideAssetKeys { assetNodes { assetKey { path } isExecutable isPartitioned } }
"""

ASSETS: Final = f"""
query TracksideAssets($keys: [AssetKeyInput!]) {{
  assetNodes(assetKeys: $keys) {{
    assetKey {{ path }} groupName description kinds opNames jobNames isExecutable isPartitioned
    owners {{ __typename ... on UserAssetOwner {{ email }} ... on TeamAssetOwner {{ team }} }}
    tags {{ key value }} storageAddress {{ storageKind tableName }}
    dependencyKeys {{ path }} repository {{ location {{ name }} }}
    freshnessPolicy {{ maximumLagMinutes cronSchedule cronScheduleTimezone }}
    internalFreshnessPolicy {{ __typename
      ... on TimeWindowFreshnessPolicy {{ failWindowSeconds }}
      ... on CronFreshnessPolicy {{ deadlineCron lowerBoundDeltaSeconds timezone }} }}
    {_METADATA} }}
}}
"""


_STATUSES: Final = """... on TimePartitionStatuses { ranges { startKey endKey status } }
  ... on DefaultPartitionStatuses {
    materializedPartitions failedPartitions materializingPartitions }"""

PARTITIONS: Final = f"""
query TracksidePartitions($keys: [AssetKeyInput!]) {{
  assetNodes(assetKeys: $keys) {{ assetKey {{ path }}
    partitionDefinition {{ description }} partitionStats {{ numPartitions }}
    assetPartitionStatuses {{ __typename {_STATUSES}
      ... on MultiPartitionStatuses {{ primaryDimensionName ranges2d: ranges {{
        primaryDimStartKey primaryDimEndKey secondaryDim {{ __typename {_STATUSES} }} }} }} }} }}
}}
"""

PARTITION_KEYS: Final = """
query TracksidePartitionKeys($keys: [AssetKeyInput!], $limit: Int!) {
  assetNodes(assetKeys: $keys) { assetKey { path }
    partitionKeyConnection(limit: $limit ascending: false) { results hasMore } }
}
"""

DIMENSION_KEYS: Final = """
query TracksideDimensionKeys($keys: [AssetKeyInput!], $limit: Int!) {
  assetNodes(assetKeys: $keys) { assetKey { path }
    partitionKeyConnection(limit: $limit ascending: false) { results hasMore }
    partitionKeysByDimension { name partitionKeys } }
}
"""


def reports(count: int) -> str:
    """Of so many assets at once, `$key0` and so on: what was reported of them after `$after`.

    Of each check its latest result, whenever that was.
    """
    variables = ", ".join(f"$key{i}: AssetKeyInput!" for i in range(count))
    asked = "\n".join(
        f"""asset{i}: assetOrError(assetKey: $key{i}) {{ __typename
          ... on Asset {{ assetMaterializations(limit: 100 afterTimestampMillis: $after) {{
            assetKey {{ path }} runId timestamp partition tags {{ key value }} {_METADATA} }}
            assetObservations(limit: 100 afterTimestampMillis: $after) {{
            assetKey {{ path }} runId timestamp partition tags {{ key value }} {_METADATA} }}
            definition {{ assetChecksOrError {{ __typename ... on AssetChecks {{ checks {{
              executionForLatestMaterialization {{ runId evaluation {{ timestamp
              checkName assetKey {{ path }} success severity description partition }} }} }} }} }} }} }}
          ... on AssetNotFoundError {{ message }} }}"""
        for i in range(count)
    )
    return f"query TracksideReports($after: String, {variables}) {{ {asked} }}"


CHECK: Final = """
query TracksideCheck { version permissions { permission value } }
"""

TARGETS: Final = """
query TracksideTargets {
  repositoriesOrError { __typename
    ... on RepositoryConnection { nodes { name location { name } jobs { name isAssetJob } } }
    ... on RepositoryNotFoundError { message } ... on PythonError { message } }
}
"""

OPS_OF_ASSETS: Final = """
query TracksideOps { assetNodes { assetKey { path } opNames jobNames
  repository { name location { name } } } }
"""

LAUNCH: Final = """
mutation TracksideLaunch($params: ExecutionParams!) {
  launchRun(executionParams: $params) { __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on RunConfigValidationInvalid { errors { message } }
    ... on PipelineNotFoundError { message }
    ... on RunConflict { message }
    ... on InvalidSubsetError { message }
    ... on ConflictingExecutionParamsError { message }
    ... on UnauthorizedError { message }
    ... on PythonError { message } }
}
"""

RERUN: Final = """
mutation TracksideRerun($params: ReexecutionParams!) {
  launchRunReexecution(reexecutionParams: $params) { __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on RunConfigValidationInvalid { errors { message } }
    ... on PipelineNotFoundError { message }
    ... on RunConflict { message }
    ... on InvalidSubsetError { message }
    ... on UnauthorizedError { message }
    ... on PythonError { message } }
}
"""

TERMINATE: Final = """
mutation TracksideTerminate($run: String!, $policy: TerminateRunPolicy) {
  terminateRun(runId: $run terminatePolicy: $policy) { __typename
    ... on TerminateRunFailure { message } ... on RunNotFoundError { message }
    ... on UnauthorizedError { message } ... on PythonError { message } }
}
"""

BACKFILL: Final = """
mutation TracksideBackfill($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) { __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PartitionSetNotFoundError { message }
    ... on PartitionKeysNotFoundError { message }
    ... on InvalidSubsetError { message }
    ... on UnauthorizedError { message }
    ... on RunConflict { message }
    ... on PythonError { message } }
}
"""

BACKFILLS: Final = """
query TracksideBackfills($cursor: String, $limit: Int) {
  partitionBackfillsOrError(cursor: $cursor limit: $limit) { __typename
    ... on PartitionBackfills { results { id timestamp tags { key value } } }
    ... on PythonError { message } }
}
"""

OWN_BACKFILLS: Final = """
query TracksideOwnBackfills($limit: Int, $open: BulkActionsFilter) {
  latest: partitionBackfillsOrError(limit: $limit) { __typename
    ... on PartitionBackfills { results { id status timestamp endTimestamp numPartitions
      partitionSetName assetSelection { path } } }
    ... on PythonError { message } }
  open: partitionBackfillsOrError(limit: $limit filters: $open) { __typename
    ... on PartitionBackfills { results { id status timestamp endTimestamp numPartitions
      partitionSetName assetSelection { path } } }
    ... on PythonError { message } }
}
"""

BACKFILL_STATUS: Final = """
query TracksideBackfillStatus($backfill: String!) {
  partitionBackfillOrError(backfillId: $backfill) { __typename
    ... on PartitionBackfill { status }
    ... on BackfillNotFoundError { message } ... on PythonError { message } }
}
"""

CANCEL_BACKFILL: Final = """
mutation TracksideCancelBackfill($backfill: String!) {
  cancelPartitionBackfill(backfillId: $backfill) { __typename
    ... on CancelBackfillSuccess { backfillId }
    ... on UnauthorizedError { message } ... on PythonError { message } }
}
"""

OUTPUT: Final = """
query TracksideOutput($run: ID!, $file: String!) {
  runOrError(runId: $run) { __typename
    ... on Run { capturedLogs(fileKey: $file) { stdout stderr } }
    ... on RunNotFoundError { message } ... on PythonError { message } }
}
"""

REPORTED: Final = """
query TracksideReported($key: AssetKeyInput!) {
  assetOrError(assetKey: $key) { __typename
    ... on Asset { assetMaterializations(limit: 100) { description } } }
}
"""

REPORT: Final = """
mutation TracksideReport($params: ReportRunlessAssetEventsParams!) {
  reportRunlessAssetEvents(eventParams: $params) { __typename
    ... on UnauthorizedError { message } ... on PythonError { message } }
}
"""
