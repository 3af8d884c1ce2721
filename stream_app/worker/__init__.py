"""The worker: a user's events in order, in micro-batches over users, state beside the offset."""
