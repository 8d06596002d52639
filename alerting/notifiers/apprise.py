"""The long tail of channels, through apprise (an extra: pip install 'trackside[apprise]').

apprise can only say something new: nothing there is edited, acknowledged or resolved. Not for
paging. It connects by itself, so that the operator answers for where its addresses lead.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from types import ModuleType
from typing import Any, ClassVar, Final

from pydantic import Field

from alerting.notifiers.base import BaseNotifier
from alerting.rendering import headline, plain, without_mentions
from hub.ports import Delivery, Finding, Grade, Json, NotifierConfig, SecretRef, Standing, notifiers

MAX_CHARS: Final = 4000
_KINDS: Final = {"critical": "failure", "error": "failure", "warning": "warning", "info": "info"}


class AppriseConfig(NotifierConfig):
    """One service that apprise knows."""

    url: SecretRef = Field(
        description="the address as apprise reads it, as in ntfys://token@ntfy.sh/alerts; it holds "
        "credentials, so it is a secret as a whole"
    )


@notifiers.register("apprise")
class Apprise(BaseNotifier):
    Config: ClassVar[type[NotifierConfig]] = AppriseConfig
    keyed = False
    channel = "apprise"
    config: AppriseConfig

    def deliver(self, delivery: Delivery, held: Json) -> Json:
        if held.get("version") == delivery.version:
            return held
        notice = self._apprise().Apprise()
        notice.add(self._service())
        kind = _KINDS.get(delivery.message.severity, "failure")
        took = notice.notify(
            title=without_mentions(headline(delivery, 200)),
            body=without_mentions(plain(delivery, MAX_CHARS)),
            notify_type="success" if delivery.standing is Standing.RESOLVED else kind,
            body_format="text",
            interpret_escapes=False,
        )
        if not took:
            raise self.failure(
                "it was not taken, and apprise does not tell why: check the address, its "
                "credentials, and whether the service answers",
                permanent=False,
            )
        return {"version": delivery.version}

    def check(self) -> Sequence[Finding]:
        return [Finding("url", Grade.GOOD, f"an address of {self._service().service_name}")]

    def _service(self) -> Any:
        service = self._apprise().Apprise.instantiate(self.reveal(self.config.url))
        if service is None:
            raise self.failure(
                f"{self.config.url} holds no address that apprise knows: see its list of services",
                permanent=True,
            )
        return service

    def _apprise(self) -> ModuleType:
        try:
            import apprise
        except ImportError:
            raise self.failure(
                "install it first: pip install 'trackside[apprise]'", permanent=True
            ) from None
        logging.getLogger("apprise").disabled = True  # it logs addresses
        module: ModuleType = apprise
        return module
