"""What sensors may reach, for tests of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from hub.model import EntityName
from hub.polls.outside import Declared
from hub.ports import SecretRef
from hub.ports.sensors import Success
from hub.settings import Settings


class Outside(Declared):
    """Of declared roots and connections; `ran` holds the runs that completed."""

    def __init__(
        self,
        *,
        roots: Sequence[str] = (),
        networks: Sequence[str] = (),
        timeout_s: float = 5,
        **connections: str,
    ) -> None:
        settings = Settings(sensor_roots=list(roots), allowed_networks=list(networks))
        secrets = {name: SecretRef.parse(url) for name, url in connections.items()}
        super().__init__(settings, secrets, None, timeout_s)
        self.ran: list[Success] = []

    def successes(self, job: EntityName, since: datetime) -> list[Success]:
        assert job.namespace
        return [one for one in self.ran if one.at >= since]
