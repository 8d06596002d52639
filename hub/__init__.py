"""The hub: it records, evaluates, triggers and serves."""
