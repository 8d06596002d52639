"""A UDP port that hears StatsD, and tells the store what came of it at intervals."""

from __future__ import annotations

import socket
import threading
import time
from datetime import UTC, datetime
from typing import Final

import msgspec
import structlog

from hub.errors import ConfigError, TracksideError
from hub.metrics import Metrics
from hub.record import Incoming, Outcome, Sender
from hub.record.counted import Counted
from hub.record.intake import Intake
from hub.settings.statsd import Statsd
from hub.signals.points import points_of
from hub.signals.sampling import Sampling
from hub.store.writer import Writer

log = structlog.get_logger(__name__)

PACKET: Final = 65_535
WAIT_S: Final = 0.2


class Listening:
    """From `start` to `stop`. What is not heard is lost, as StatsD has it."""

    def __init__(
        self,
        told: Statsd,
        intake: Intake,
        writer: Writer[Incoming, Outcome],
        metrics: Metrics,
    ) -> None:
        self.told = told
        self._intake = intake
        self._writer = writer
        self._metrics = metrics
        self._counted = Counted(metrics)
        metrics.begin_signals(told.orchestrator, "statsd")
        self._sampling = Sampling(told.prefix, told.silent_after_s)
        self._stopping = threading.Event()
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(
            target=self._run, name=f"statsd-{told.orchestrator}", daemon=True
        )

    def start(self) -> None:
        """Raises ConfigError if the port can't be had."""
        told = self.told
        family = socket.AF_INET6 if ":" in told.host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.settimeout(WAIT_S)
        try:
            self._socket.bind((told.host.strip("[]"), told.port))
        except OSError as error:
            self._socket.close()
            raise ConfigError(
                f"statsd: {told.host}:{told.port} can't be listened on ({error.strerror})"
            ) from None
        log.info("statsd_listening", orchestrator=told.orchestrator, port=self.port)
        self._thread.start()

    @property
    def port(self) -> int:
        assert self._socket is not None
        return int(self._socket.getsockname()[1])

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        assert self._socket is not None
        due = time.monotonic() + self.told.every_s
        with self._socket as listening:
            while not self._stopping.is_set():
                self._hear(listening)
                if time.monotonic() >= due:
                    due = time.monotonic() + self.told.every_s
                    self._tell(datetime.now(UTC))

    def _hear(self, listening: socket.socket) -> None:
        try:
            packet = listening.recv(PACKET)
        except TimeoutError:
            return
        self._sampling.take(points_of(packet), datetime.now(UTC))

    def _tell(self, now: datetime) -> None:
        """As if it had been posted as observations; what the store does not take is told next time."""
        told, results = self.told, self._sampling.results
        self._sampling.results = type(results)()
        for result, count in results.items():
            self._metrics.signals.labels(told.orchestrator, "statsd", result).inc(count)
        seen = self._sampling.sample(now)
        if not seen:
            return
        raw, sender = msgspec.json.encode(seen), Sender(told.orchestrator)
        read = self._intake.observations(raw, sender, told.orchestrator)
        try:
            self._counted.settled([read], self._writer.record(read.items, len(raw)))
        except TracksideError as error:
            log.warning("statsd_not_stored", orchestrator=told.orchestrator, error=str(error))
