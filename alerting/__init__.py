"""Tell people and other systems about incidents: routing, muting, grouping, delivery."""
