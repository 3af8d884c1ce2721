"""Adapters between a folder, object storage and the topic that tells workers of them."""
