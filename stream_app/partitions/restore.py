"""Bring a partition's store up to the end of its changelog."""

import time

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from stream_app.config import Settings
from stream_app.kafka.connection import client_options
from stream_app.partitions.store import PartitionStore

__all__ = ["restore"]

logger = structlog.get_logger(__name__)

POLL_MS = 500
SAY_EVERY_S = 5.0


async def restore(settings: Settings, changelog: TopicPartition, store: PartitionStore) -> int:
    """Apply what the changelog holds beyond the store's position; return how many records.

    A position outside of what the topic holds belongs to a topic that was deleted or truncated:
    the store is then rebuilt from the beginning.
    """
    consumer = AIOKafkaConsumer(
        **client_options(settings),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    await consumer.start()
    try:
        consumer.assign([changelog])
        begin = (await consumer.beginning_offsets([changelog]))[changelog]
        end = (await consumer.end_offsets([changelog]))[changelog]
        if not begin <= store.next_offset <= end:
            if store.next_offset:
                logger.warning("store does not fit its changelog, rebuilding", partition=changelog)
            store.clear()
        position = max(begin, store.next_offset)
        consumer.seek(changelog, position)
        num_records, said_at = 0, time.monotonic()
        while position < end:
            batch = await consumer.getmany(changelog, timeout_ms=POLL_MS)
            records = batch.get(changelog, [])
            position = await consumer.position(changelog)
            store.write({record.key: record.value for record in records}, position)
            num_records += len(records)
            if time.monotonic() > said_at + SAY_EVERY_S:
                said_at = time.monotonic()
                logger.info(
                    "restoring", partition=changelog.partition, offset=position, end_offset=end
                )
        return num_records
    finally:
        await consumer.stop()
