"""A flow that splits, retries and may fail, as its environment says."""

from __future__ import annotations

import os
import signal
from typing import Any

from metaflow import FlowSpec, current, project, retry, step

#: The fold that fails, and the step that ends the whole run.
FAILS, KILLS = int(os.environ.get("FAILS", "-1")), os.environ.get("KILLS")


@project(name="churn")
class Train(FlowSpec):
    @step
    def start(self) -> None:
        self.folds = [0, 1, 2]
        self.next(self.fit, foreach="folds")

    @retry(times=1, minutes_between_retries=0)
    @step
    def fit(self) -> None:
        if self.input == 2 and current.retry_count == 0:
            raise RuntimeError("not at the first try")
        if self.input == FAILS:
            raise RuntimeError(f"fold {self.input} diverges")
        self.score = 0.7 + self.input / 10
        self.next(self.choose)

    @step
    def choose(self, inputs: Any) -> None:
        if KILLS == "choose":
            os.kill(os.getppid(), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
        self.model = max(one.score for one in inputs)
        self.next(self.end)

    @step
    def end(self) -> None:
        pass


if __name__ == "__main__":
    Train()
