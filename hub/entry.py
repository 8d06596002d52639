"""The console script: `trackside exec` begins at once, all else with the whole command line."""

from __future__ import annotations

import sys


def main() -> None:
    if sys.argv[1:2] == ["exec"]:
        from hub.wrap.main import leave, main

        leave(main(sys.argv[2:]))
    from hub.cli import main as other

    other()


if __name__ == "__main__":
    main()
