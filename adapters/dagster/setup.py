"""How Dagster is made to push what happens to the hub."""

from __future__ import annotations

from typing import Final

_TEXT: Final = """\
Dagster has no OpenLineage of its own. Everything is polled already; the reporter in examples/dagster
adds that the hub hears of it within seconds. It is a code location of its own with one sensor: no
change to your code, nothing to install beside dagster.

1. Copy examples/dagster/trackside_reporter.py to where your code locations are.
2. Add it to workspace.yaml (Dagster+: dagster_cloud.yaml):

     load_from:
       - python_file:
           relative_path: trackside_reporter.py
           location_name: trackside_reporter

3. In the environment of that code location:

     TRACKSIDE_URL={hub_url}
     TRACKSIDE_TOKEN=tsk_...             # a token with the scope ingest
     TRACKSIDE_NAMESPACE={namespace}

4. Reload the workspace. The sensor trackside_reporter is on by default.
"""


def setup_text(hub_url: str, namespace: str) -> str:
    return _TEXT.format(hub_url=hub_url, namespace=namespace)
