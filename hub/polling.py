"""Keeps one loop per polled orchestrator running, as they are declared and taken back.

The loops have threads of their own: an orchestrator that answers slowly holds up only itself.
Each runs under a lease of its own, so replicas share the orchestrators among them.
"""

from __future__ import annotations

import structlog

from hub.api.hub import Hub
from hub.errors import ConfigError
from hub.polls.fleet import Member, config_of
from hub.polls.poller import Poller
from hub.worker import PRESENCE_S, Loop, Worker

log = structlog.get_logger(__name__)

#: How soon a declaration over the API is seen by every replica, in seconds.
REFRESH_S = 5.0
#: Polls at a time, but for those that last longer than so many seconds: they may hang, and hold up
#: no others.
AT_ONCE = 16
PATIENCE_S = 5.0
#: Polls under way with those that hang; beyond that the others wait until some of them give up.
THREADS = 256
PREFIX = "poll "


class Polling:
    """Follows the fleet with loops of a worker."""

    def __init__(self, hub: Hub, worker: Worker) -> None:
        self._fleet = hub.fleet
        self._poller = Poller(hub.fleet, hub.db, hub.writer, hub.intake, hub.metrics)
        self._worker = worker
        self._running: dict[str, Member] = {}
        worker.add(Loop("fleet", REFRESH_S, lambda _: self.follow(), leased=False))
        if not hub.db.is_sqlite:
            worker.add(Loop("presence", PRESENCE_S, lambda _: worker.be_counted(), leased=False))

    def follow(self) -> None:
        """Ends and begins loops until they are those of the fleet."""
        self._fleet.refresh()
        wanted = {name: one for name, one in self._fleet.members.items() if one.is_observed}
        for name in [n for n, one in self._running.items() if wanted.get(n) != one]:
            self._worker.remove(PREFIX + name)
            del self._running[name]
        for name in wanted.keys() - self._running.keys():
            self._begin(wanted[name])

    def _begin(self, member: Member) -> None:
        try:
            every_s = config_of(member).poll_every_s
        except ConfigError as error:
            log.warning("orchestrator_not_polled", orchestrator=member.name, error=str(error))
            return
        name = member.name
        loop = Loop(
            PREFIX + name,
            every_s,
            lambda tick: self._poller.poll(name, tick.now, tick.fence),
            shared=True,
        )
        self._worker.add(loop)
        self._running[name] = member
