"""Grafana dashboards and Prometheus rules as code, what is generated from them, and provisioning.

`python -m dashboards.build` writes `dashboards/generated/` anew; a test finds what has drifted.
"""

from pathlib import Path
from typing import Final

GENERATED: Final = Path(__file__).parent / "generated"
