"""Where secrets are kept elsewhere: one file per service, each a `resolve(name)` that is cached."""
