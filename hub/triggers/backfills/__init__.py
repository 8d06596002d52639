"""Backfills: partitions of datasets made anew, in their order, across orchestrators."""
