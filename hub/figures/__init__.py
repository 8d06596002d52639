"""Figures of the world: what is measured as it stands, and what is counted as it happens."""
