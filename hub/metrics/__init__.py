"""The figures of a hub, as Prometheus reads them at /metrics; a file per area."""

from __future__ import annotations

from typing import Final

import prometheus_client
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.openmetrics import exposition as openmetrics

from hub.metrics.process import Deliveries, Door, Gates, Launches, Loops, Polls, Streams
from hub.metrics.text import Text
from hub.metrics.world import Jobs, World

CONTENT_TYPE: Final = prometheus_client.CONTENT_TYPE_LATEST
OPEN_CONTENT_TYPE: Final = openmetrics.CONTENT_TYPE_LATEST
_END: Final = b"# EOF\n"

# A `_created` series per counter doubles their number and nobody asks for it.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics(Door, Streams, Loops, Polls, Deliveries, Gates, Launches):
    """All metrics of one hub, in a registry of their own; those of its process in `python` too."""

    def __init__(self) -> None:
        self.registry, self.python = CollectorRegistry(), CollectorRegistry()
        for make in (ProcessCollector, PlatformCollector, GCCollector):
            self.python.register(make(registry=self.registry))
        super().__init__(self.registry)
        self.world = World(self.registry)
        self.jobs = Jobs(self.registry)
        areas = (self, self.world, self.jobs)
        self._text = Text(one for area in areas for one in area.made.values())

    def forget_world(self) -> None:
        """Tells no more of the world what another replica tells."""
        self.world.forget()
        self.jobs.forget()

    def render(self) -> bytes:
        """The text that Prometheus reads, see CONTENT_TYPE."""
        return prometheus_client.generate_latest(self.python) + self._text.render()

    def render_open(self) -> bytes:
        """The same as OpenMetrics has it, with exemplars; see OPEN_CONTENT_TYPE."""
        process: bytes = openmetrics.generate_latest(self.python)  # type: ignore[no-untyped-call]
        return process.removesuffix(_END) + self._text.render(open_=True) + _END
