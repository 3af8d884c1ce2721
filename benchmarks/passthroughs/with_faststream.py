"""A hop with FastStream as its users write it: a subscriber that publishes what it gets."""

import asyncio
import os
import sys

from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker, KafkaMessage


def app(source: str, sink: str) -> FastStream:
    """Return the app that copies records; each is acknowledged after it has been sent on."""
    broker = KafkaBroker(os.environ["KAFKA_BOOTSTRAP_SERVERS"], logger=None)

    @broker.subscriber(
        source,
        group_id=f"faststream-{sink}",
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,
    )
    async def copy(message: KafkaMessage) -> None:
        await broker.publish(message.body, sink, key=message.raw_message.key)

    return FastStream(broker, logger=None)


if __name__ == "__main__":
    asyncio.run(app(*sys.argv[1:]).run())
