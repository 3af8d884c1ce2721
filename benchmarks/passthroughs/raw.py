"""The least that a hop can cost here: raw aiokafka from one topic to another, bytes unchanged."""

import asyncio
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from stream_app.config import read_settings
from stream_app.kafka.connection import client_options


async def pass_through(source: str, sink: str) -> None:
    """Copy records until the process is ended; acknowledged, then committed."""
    options = client_options(read_settings())
    producer = AIOKafkaProducer(**options, enable_idempotence=True)
    consumer = AIOKafkaConsumer(
        source,
        **options,
        group_id=f"passthrough-{sink}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await producer.start()
    await consumer.start()
    while True:
        batches = await consumer.getmany(timeout_ms=200)
        sent = [
            await producer.send(sink, record.value, key=record.key)
            for records in batches.values()
            for record in records
        ]
        if sent:
            await asyncio.gather(*sent)
            await consumer.commit()


if __name__ == "__main__":
    asyncio.run(pass_through(*sys.argv[1:]))
