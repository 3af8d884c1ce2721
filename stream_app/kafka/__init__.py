"""What every process shares of Kafka: topics, dead letters, views of compacted topics."""
