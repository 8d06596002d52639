"""Routers: parse, call, render. No SQL, no rules."""
