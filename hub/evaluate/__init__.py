"""Watches what was recorded and what was not: rules over changes and deadlines, into incidents."""
