"""A small made-up world to look at: a web shop's data platform, some weeks of it, ending now.

`simulate` and `observations` are pure: the same `now`, weeks and seed give the same world. Within
a calendar week a later `now` only adds to it.
"""

from hub.demo.history import simulate
from hub.demo.observed import observations
from hub.demo.payloads import captured

__all__ = ["captured", "observations", "simulate"]
