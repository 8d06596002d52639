"""python -m tests.support.failed MOST: the tests that failed last, if there are some, and few."""

from __future__ import annotations

import json
import sys
from pathlib import Path

LAST = Path(".pytest_cache/v/cache/lastfailed")


def main() -> int:
    failed = sorted(json.loads(LAST.read_text())) if LAST.exists() else []
    sys.stdout.write("\n".join(failed))
    return 0 if 0 < len(failed) <= int(sys.argv[1]) else 1


if __name__ == "__main__":
    sys.exit(main())
