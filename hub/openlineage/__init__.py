"""The common tongue: OpenLineage JSON to the model, tolerant of what real senders send."""
