"""Lineage events onward to other consumers of OpenLineage, at least once and in order."""
