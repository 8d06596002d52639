"""Folders of tests, by what they need; a package, so that no other `tests` hides it."""
