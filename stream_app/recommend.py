"""Read the recommendations topic as a subscriber would."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer

from schemas.codec import Poison, decode
from schemas.recommendation import Recommendation
from stream_app.config import Settings
from stream_app.kafka.compacted import newest_by_key
from stream_app.kafka.connection import client_options
from stream_app.kafka.topics import require_topics

__all__ = ["latest_recommendations", "subscribed"]


async def latest_recommendations(settings: Settings) -> list[Recommendation]:
    """Return the last list of every user that the topic still holds, by user id."""
    await require_topics(settings)
    topic = settings.topics.recommendations.name
    latest = await newest_by_key(settings, topic)
    decoded = (decode(Recommendation, latest[user_id]) for user_id in sorted(latest))
    return [one for one in decoded if not isinstance(one, Poison)]


@asynccontextmanager
async def subscribed(settings: Settings) -> AsyncIterator[AsyncIterator[Recommendation]]:
    """Give the lists that are written from now on: none is missed once the block has begun."""
    await require_topics(settings)
    consumer = AIOKafkaConsumer(
        settings.topics.recommendations.name,
        **client_options(settings),
        auto_offset_reset="latest",
        isolation_level="read_committed",
    )
    await consumer.start()
    try:
        # Where "now" is, is otherwise looked up with the first read only.
        await consumer.seek_to_end()
        await asyncio.gather(*[consumer.position(tp) for tp in consumer.assignment()])
        yield _decoded(consumer)
    finally:
        await consumer.stop()


async def _decoded(consumer: AIOKafkaConsumer) -> AsyncIterator[Recommendation]:
    async for record in consumer:
        recommendation = decode(Recommendation, record.value or b"")
        if not isinstance(recommendation, Poison):
            yield recommendation
