"""Workers with a name of their own in the group, against a real broker."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener

from conftest import Start
from kafka_io import produce, read_count
from records import enriched, item
from stream_app.config import Settings

pytestmark = pytest.mark.kafka

DEADLINE_S = 60


class Neighbour(ConsumerRebalanceListener):
    """Another member of the workers' group; keeps every assignment that it was ever given."""

    def __init__(self) -> None:
        self.assignments: list[set[TopicPartition]] = []
        self.changed = asyncio.Condition()

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        pass

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        async with self.changed:
            self.assignments.append(set(assigned))
            self.changed.notify_all()

    async def shares(self, num_partitions: int) -> None:
        """Wait until the group has given it less than all."""
        async with asyncio.timeout(DEADLINE_S), self.changed:
            await self.changed.wait_for(
                lambda: self.assignments and len(self.assignments[-1]) < num_partitions
            )


@pytest.fixture
async def neighbour(settings: Settings) -> AsyncIterator[Neighbour]:
    listener = Neighbour()
    topics = settings.topics
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        group_id=settings.group("worker"),
        group_instance_id="neighbour",
        enable_auto_commit=False,
        session_timeout_ms=30_000,
    )
    consumer.subscribe(
        [topics.interactions_enriched.name, topics.item_images.name], listener=listener
    )
    await consumer.start()
    yield listener
    await consumer.stop()


async def rank(settings: Settings, free: set[int], num_ranked: int) -> None:
    """Send an event to a partition of `free`, and wait for its ranking."""
    number = min(free)
    one = enriched(num_ranked, item(1), offset=num_ranked, partition=number)
    topic = settings.topics.interactions_enriched.name
    await produce(settings, topic, [(b"ada", one)], partition=number)
    await read_count(settings, settings.topics.rankings.name, num_ranked)


async def test_a_named_worker_that_comes_back_changes_nothing_for_the_others(
    settings: Settings, start: Start, environment: dict[str, str], neighbour: Neighbour
) -> None:
    environment |= {"STREAM_APP_INSTANCE_ID": "one", "STREAM_APP_SESSION_TIMEOUT_S": "30"}
    worker = start("worker")
    await neighbour.shares(2 * settings.partitions)
    before = list(neighbour.assignments)
    topic = settings.topics.interactions_enriched.name
    theirs = {tp.partition for tp in before[-1] if tp.topic == topic}
    free = set(range(settings.partitions)) - theirs
    await rank(settings, free, 1)
    worker.terminate()
    assert worker.wait(20) == 0
    start("worker")
    await rank(settings, free, 2)
    assert neighbour.assignments == before


async def test_the_first_of_two_workers_under_one_name_ends_and_says_why(
    settings: Settings, start: Start, environment: dict[str, str]
) -> None:
    environment |= {"STREAM_APP_INSTANCE_ID": "one"}
    first = start("worker")
    await rank(settings, {0}, 1)
    second = start("worker")
    assert first.wait(DEADLINE_S) == 1
    assert "as one: give each worker a STREAM_APP_INSTANCE_ID of its own" in first.log_tail()
    await rank(settings, {0}, 2)
    assert second.is_running()
