"""A Dagster of any size, as far as polling it goes: GraphQL with rows like the recorded ones.

    python -m benchmarks.dagster_server --port 8099 --runs 5000

Every run has two steps, of which one was tried twice, a tick, a partition, materializations and a
log, which is what makes reading a run dear. One ended every ten seconds, the last ten minutes ago.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

from tests.support.fake_dagster import WholeDagster


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    dagster: WholeDagster

    def do_GET(self) -> None:
        """Whether it is there."""
        self._send(httpx.Response(200, json={}))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.dagster.clock = datetime.now(UTC)
        self._send(self.dagster(httpx.Request("POST", "http://dagster/graphql", content=body)))
        self.dagster.asked.clear()
        self.dagster.headers.clear()

    def _send(self, answer: httpx.Response) -> None:
        self.send_response(answer.status_code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name there
        """Nobody reads it."""


def dagster(runs: int) -> WholeDagster:
    made, latest = WholeDagster(runs), datetime.now(UTC).timestamp() - 600
    for age, row in enumerate(made.rows):
        end = latest - 10 * age
        row |= {"creationTime": end - 20, "startTime": end - 10, "endTime": end, "updateTime": end}
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--runs", type=int, default=5_000)
    told = parser.parse_args()
    Handler.dagster = dagster(told.runs)
    ThreadingHTTPServer(("127.0.0.1", told.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
