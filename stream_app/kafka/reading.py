"""A topic as it stands at the call, read once: for tools that look at it and end."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from stream_app.config import Settings
from stream_app.kafka.connection import client_options

__all__ = ["read_to_end"]

POLL_MS = 200


async def read_to_end(
    settings: Settings, topic: str, start: Mapping[int, int] | None = None
) -> AsyncGenerator[ConsumerRecord, None]:
    """Give the committed records that the topic holds now, each partition's in order.

    `start` tells by partition which offset to begin at, and leaves the other partitions out;
    without it all is read. What was committed behind a transaction in hand can't be read before
    that one ends, so its end is waited for: the broker sees to it (a minute, by default).
    """
    # To readers of committed records a topic ends where a transaction in hand begins, so they
    # would miss what others have committed since.
    async with _consumer(settings, topic, "read_uncommitted") as uncommitted:
        ends = await uncommitted.end_offsets(sorted(uncommitted.assignment()))
    async with _consumer(settings, topic, "read_committed") as consumer:
        if start is not None:
            for tp, end in ends.items():
                consumer.seek(tp, min(start.get(tp.partition, end), end))
        while not await _has_reached(consumer, ends):
            for tp, records in (await consumer.getmany(timeout_ms=POLL_MS)).items():
                for record in records:
                    if record.offset < ends[tp]:
                        yield record


async def _has_reached(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    # The position, not the last record's offset: transaction markers take offsets too.
    return all([await consumer.position(tp) >= end for tp, end in ends.items()])


@asynccontextmanager
async def _consumer(
    settings: Settings, topic: str, isolation_level: str
) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        topic,
        # No group: nothing is committed, nothing is balanced, all partitions are ours.
        group_id=None,
        **client_options(settings),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level=isolation_level,
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()
