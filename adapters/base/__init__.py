"""What adapters share."""

from adapters.base.http import Answer, Body, Headers, Http

__all__ = ["Answer", "Body", "Headers", "Http"]
