"""The pages that a person looks at: drawn on the server, each with an address that can be shared."""
