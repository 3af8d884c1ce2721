"""Write to and read from topics in tests; every wait has a deadline."""

import asyncio
import time
from collections.abc import Callable, Iterable

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord

from schemas.codec import encode
from schemas.record import Record
from stream_app.config import Settings
from stream_app.kafka.connection import client_options

DEADLINE_S = 60.0


async def produce(
    settings: Settings,
    topic: str,
    records: Iterable[tuple[bytes | None, Record | bytes | None]],
    **options: object,
) -> None:
    producer = AIOKafkaProducer(
        **client_options(settings),
        enable_idempotence=True,
        max_request_size=4 * 1024 * 1024,
    )
    await producer.start()
    try:
        sent = [
            await producer.send(
                topic,
                encode(value) if isinstance(value, Record) else value,
                key=key,
                **options,
            )
            for key, value in records
        ]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def read_until(
    settings: Settings,
    topic: str,
    enough: Callable[[list[ConsumerRecord]], bool],
    *,
    deadline_s: float = DEADLINE_S,
) -> list[ConsumerRecord]:
    """Return the topic from its beginning, as soon as `enough` says so.

    Fails at the deadline, with how many there were.
    """
    consumer = AIOKafkaConsumer(
        topic,
        **client_options(settings),
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    await consumer.start()
    records: list[ConsumerRecord] = []
    end = time.monotonic() + deadline_s
    try:
        while not enough(records):
            assert time.monotonic() < end, f"{topic}: {len(records)} records after {deadline_s} s"
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                records += batch
    finally:
        await consumer.stop()
    return records


async def read_count(
    settings: Settings, topic: str, count: int, *, deadline_s: float = DEADLINE_S
) -> list[ConsumerRecord]:
    """Return the topic once it holds `count` records."""
    return await read_until(
        settings, topic, lambda records: len(records) >= count, deadline_s=deadline_s
    )


async def committed(settings: Settings, process: str, topic: str) -> dict[int, int]:
    """Return the offsets that a process's group has committed on a topic, by partition."""
    from aiokafka.admin import AIOKafkaAdminClient

    admin = AIOKafkaAdminClient(**client_options(settings))
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(settings.group(process))
    finally:
        await admin.close()
    return {tp.partition: meta.offset for tp, meta in offsets.items() if tp.topic == topic}
