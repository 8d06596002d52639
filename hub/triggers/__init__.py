"""Trigger: when datasets are updated, the runs that somebody wants because of it."""
