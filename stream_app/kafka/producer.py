"""The producer of every writer: acknowledged by all replicas, no duplicates by its own retries."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer

from schemas.codec import MAX_RECORD_BYTES
from stream_app.config import Settings
from stream_app.kafka.connection import client_options

__all__ = ["new_producer", "reliable_producer"]

# A transaction of the signals process has megabytes: at aiokafka's 16 KiB it would wait for the
# broker a hundred times. Below what brokers take by default.
MAX_BATCH_BYTES = 256 * 1024


def new_producer(settings: Settings, transactional_id: str | None = None) -> AIOKafkaProducer:
    """Return an idempotent producer, not started; call it on the event loop that uses it.

    With a transactional id it writes in transactions, and its start ends those of any other
    producer of that id: what that one had begun is aborted, and it can write no more.
    """
    return AIOKafkaProducer(
        **client_options(settings),
        enable_idempotence=True,
        transactional_id=transactional_id,
        max_request_size=MAX_RECORD_BYTES,
        max_batch_size=MAX_BATCH_BYTES,
        compression_type="lz4",
    )


@asynccontextmanager
async def reliable_producer(settings: Settings) -> AsyncIterator[AIOKafkaProducer]:
    """Start a producer; flush and stop it at the end."""
    producer = new_producer(settings)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()
