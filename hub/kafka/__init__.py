"""Lineage events from Kafka: each is in the store before its offset goes on."""
