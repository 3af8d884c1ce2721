"""One record in, the same record out: what a hop costs with each library at least."""
