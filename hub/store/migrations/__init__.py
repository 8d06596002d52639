"""Versions of the store, one file each; hub.store.migrate applies them."""
