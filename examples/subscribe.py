"""Subscribe to recommendations with plain aiokafka: python examples/subscribe.py [user_id]."""

import asyncio
import json
import os
import sys

from aiokafka import AIOKafkaConsumer


async def subscribe(user_id: str | None) -> None:
    """Print each new list's best item and its reason, of one user or of all."""
    consumer = AIOKafkaConsumer(
        os.environ.get("STREAM_APP_TOPIC_PREFIX", "") + "recommendations",
        bootstrap_servers=os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092"),
        group_id=os.environ.get("GROUP_ID", "my-service"),
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    async with consumer:
        async for record in consumer:
            recommendation = json.loads(record.value)
            if user_id in (None, recommendation["user_id"]):
                best = recommendation["items"][0] if recommendation["items"] else None
                print(
                    recommendation["user_id"], best and (best["title"], best["reason"]), flush=True
                )


asyncio.run(subscribe(sys.argv[1] if len(sys.argv) > 1 else None))
