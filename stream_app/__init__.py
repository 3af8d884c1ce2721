"""The processes around the engine: the only place with Kafka, object storage, time and settings."""
