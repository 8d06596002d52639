"""Asks orchestrators: which there are (`fleet`), and one poll of one of them (`poller`)."""
