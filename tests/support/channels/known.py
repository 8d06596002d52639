"""What must never be told of a fake channel: its secrets."""

from __future__ import annotations

from typing import Protocol


class HasSecrets(Protocol):
    def secrets(self) -> dict[str, str]: ...


def secret_parts(channel: HasSecrets) -> list[str]:
    """The secrets, and of addresses what makes them secret."""
    parts = []
    for secret in channel.secrets().values():
        parts += [secret, *(part for part in secret.split("/")[3:] if len(part) > 8)]
        parts += [secret.partition("sig=")[2]] if "sig=" in secret else []
    return parts
