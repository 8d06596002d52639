"""People who signed in elsewhere: what their groups let them do, and how a browser shows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any, Final

from hub.access import Kind, Principal, Scope
from hub.seals import Signer
from hub.secrets import SecretRef
from hub.settings import Settings
from hub.settings.sign_in import SignIn

#: What a session is signed for.
SESSION: Final = "session"
SHARE: Final = "share"
EVERYBODY: Final = "*"
_MOST_GROUPS: Final = 500


class People:
    """Who they are, by a session or by the word of a trusted proxy. Stateless, the same on all
    replicas; a group that is taken away from somebody counts when their session is over.
    """

    def __init__(self, settings: Settings) -> None:
        """Raises ConfigError for a signing key that can't be had, or is none."""
        self.settings: SignIn = settings.sign_in
        key = self.settings.signing_key
        self.signer = None if key is None else Signer(SecretRef.parse(key).resolve())
        proxy = self.settings.proxy
        self._networks = [ip_network(one) for one in proxy.addresses] if proxy else []
        self._header = proxy.header.lower().encode() if proxy else b""
        self._groups_header = proxy.groups_header.lower().encode() if proxy else b""

    def session(self, name: str, groups: Iterable[str], now: datetime) -> str:
        """What a browser keeps of somebody who has signed in."""
        assert self.signer is not None
        mine = sorted({one.group for one in self.settings.groups} & set(groups))
        until = now + timedelta(hours=self.settings.hours)
        return self.signer.sign(SESSION, {"name": name, "groups": mine}, until)

    def of_session(self, text: str, now: datetime) -> Principal | None:
        """None for one that is over, or was never given."""
        found = None if self.signer is None else self.signer.read(SESSION, text, now)
        return None if found is None else self.principal(found["name"], found["groups"])

    def of_proxy(self, peer: str | None, headers: Mapping[bytes, bytes]) -> Principal | None:
        """None where no trusted proxy vouches for anybody."""
        name = headers.get(self._header, b"").decode("latin-1").strip() if self._networks else ""
        if not name or not self._trusts(peer):
            return None
        told = headers.get(self._groups_header, b"").decode("latin-1")
        return self.principal(name, [one.strip() for one in told.split(",")][:_MOST_GROUPS])

    def _trusts(self, peer: str | None) -> bool:
        try:
            address = ip_address(peer or "")
        except ValueError:
            return False
        return any(address in network for network in self._networks)

    def principal(self, name: str, groups: Iterable[str]) -> Principal:
        """What the groups let somebody do, taken together."""
        mine = {EVERYBODY, *groups}
        grants = [one for one in self.settings.groups if one.group in mine]
        return Principal(
            name=name[:255],
            kind=Kind.PERSON,
            scopes=frozenset(Scope(scope) for one in grants for scope in one.scopes),
            teams=frozenset(team for one in grants for team in one.teams),
            namespaces=tuple(dict.fromkeys(space for one in grants for space in one.namespaces)),
        )


def claims_of(settings: SignIn, told: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The name and the groups that an identity token tells; the subject where it tells no name."""
    assert settings.oidc is not None
    name = told.get(settings.oidc.name_claim) or told["sub"]
    groups = told.get(settings.oidc.groups_claim) or []
    listed = [groups] if isinstance(groups, str) else groups
    return str(name), [str(one) for one in listed][:_MOST_GROUPS]
