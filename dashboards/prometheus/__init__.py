"""Prometheus rules: what is recorded, and when the hub itself is in trouble."""
