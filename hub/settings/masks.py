"""Addresses as they may be shown and logged."""

import re
from urllib.parse import urlsplit


def mask_url(url: str) -> str:
    """A URL with *** in place of its password."""
    url = re.sub(r"(?i)([?&](?:password|sslpassword)=)[^&]*", r"\1***", url)
    return re.sub(r"(://[^:/?#]*):.*@", r"\1:***@", url)


def mask_path(url: str) -> str:
    """A URL whose path is a secret: only where it leads."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}/***"
