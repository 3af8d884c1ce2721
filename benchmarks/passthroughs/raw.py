"""The least that a hop can cost here: raw aiokafka from one topic to another, bytes unchanged."""

import asyncio
import os
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer


async def pass_through(source: str, sink: str) -> None:
    """Copy records until the process is ended; acknowledged, then committed."""
    servers = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
    producer = AIOKafkaProducer(bootstrap_servers=servers, enable_idempotence=True)
    consumer = AIOKafkaConsumer(
        source,
        bootstrap_servers=servers,
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
