"""Texts from outside, such as errors, as far as they are kept and shown: pure."""

from __future__ import annotations


def cut_middle(text: str, limit: int) -> str:
    """Without its middle: of an error the start and the end tell most."""
    if len(text) <= limit:
        return text
    head = limit // 3
    return f"{text[:head]}\n…\n{text[len(text) - (limit - head - 3) :]}"
