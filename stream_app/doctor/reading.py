"""Reading topics beside the groups that own them: nothing is committed, nothing is balanced."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from stream_app.config import Settings
from stream_app.kafka.connection import client_options

__all__ = ["partitions_of", "read", "reader", "written_at"]

POLL_MS = 200
# The last a date can have: a record's time is whatever its producer wrote.
MAX_TIMESTAMP_MS = 253_402_300_799_000


@asynccontextmanager
async def reader(settings: Settings) -> AsyncIterator[AIOKafkaConsumer]:
    """Connect a consumer of committed records for as long as the block lasts."""
    consumer = AIOKafkaConsumer(
        group_id=None,
        **client_options(settings),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


def partitions_of(topic: str, num_partitions: int) -> list[TopicPartition]:
    """Return all partitions of a topic."""
    return [TopicPartition(topic, number) for number in range(num_partitions)]


async def read(
    consumer: AIOKafkaConsumer,
    begin: Mapping[TopicPartition, int],
    end: Mapping[TopicPartition, int],
) -> AsyncIterator[ConsumerRecord]:
    """Give the records from `begin` up to `end` of each partition of `begin`.

    A partition that has been read far enough may be paused while this runs.
    """
    unread = {tp for tp, offset in begin.items() if offset < end[tp]}
    if not unread:
        return
    consumer.assign(sorted(unread))
    for tp in unread:
        consumer.seek(tp, begin[tp])
    while unread:
        for tp, records in (await consumer.getmany(timeout_ms=POLL_MS)).items():
            for record in records:
                if record.offset < end[tp]:
                    yield record
        # The position, not the last record's offset: transaction markers take offsets too.
        read_out = {tp for tp in unread if await consumer.position(tp) >= end[tp]}
        unread -= read_out | consumer.paused()
        consumer.pause(*read_out)


def written_at(record: ConsumerRecord) -> datetime:
    """Return when a record was written, by the clock of its producer or broker."""
    timestamp_ms = min(max(record.timestamp, 0), MAX_TIMESTAMP_MS)
    return datetime.fromtimestamp(timestamp_ms / 1000, UTC)
