"""Signatures as Standard Webhooks wants them: pure."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
from hashlib import sha256


def key_of(secret: str) -> bytes:
    """What a secret signs with: base64, after whsec_ if it begins so; else ValueError."""
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise ValueError("expected whsec_ and 24 to 64 bytes as base64") from None


def signed_headers(
    keys: Sequence[bytes], identity: str, timestamp: int, body: bytes
) -> Mapping[str, str]:
    """The headers of a request; each key signs, so that one can be replaced by another."""
    content = f"{identity}.{timestamp}.".encode() + body
    digests = [hmac.new(key, content, sha256).digest() for key in keys]
    signatures = [f"v1,{base64.b64encode(digest).decode()}" for digest in digests]
    return {
        "webhook-id": identity,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }
