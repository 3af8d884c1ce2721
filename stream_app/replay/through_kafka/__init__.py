"""A replay through real topics and processes, in a deployment of its own for a while."""
