"""What is written of a partition's records, by whom, and that it is all or nothing."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import ProducerFenced

from examples import EXAMPLES
from kafka_io import committed, produce, read_count
from records import enriched, item
from schemas.dead_letter import DeadLetter
from schemas.ranking import Ranking
from schemas.user_preference import UserPreference
from stream_app.config import Settings
from stream_app.kafka.producer import new_producer
from stream_app.partitions.store import PartitionStore
from stream_app.worker.delivery import Delivery
from stream_app.worker.outcome import Answered, Refused
from stream_app.worker.partition import Partition

pytestmark = pytest.mark.kafka
NUM_EVENTS = 3
[STATE] = [one for one in EXAMPLES if isinstance(one, UserPreference)]
[RANKING] = [one for one in EXAMPLES if isinstance(one, Ranking)]


@pytest.fixture
def source(settings: Settings) -> TopicPartition:
    return TopicPartition(settings.topics.interactions_enriched.name, 0)


@pytest.fixture
async def records(settings: Settings, source: TopicPartition):
    """Three events of partition 0, as a worker reads them."""
    events = [
        (b"u%d" % number, enriched(number, item(number), user=f"u{number}", offset=number))
        for number in range(NUM_EVENTS)
    ]
    await produce(settings, source.topic, events, partition=0)
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka_bootstrap_servers)
    await consumer.start()
    consumer.assign([source])
    await consumer.seek_to_beginning()
    found = [await consumer.getone() for _ in range(NUM_EVENTS)]
    await consumer.stop()
    return found


@pytest.fixture
async def owner(settings: Settings, source: TopicPartition, tmp_path):
    """Make owners of partition 0; each shuts the one before out."""
    partitions: list[Partition] = []

    async def one() -> Partition:
        producer = new_producer(settings, "owner-of-0")
        await producer.start()
        store = PartitionStore(tmp_path / str(len(partitions)), changelog="test")
        partitions.append(Partition(source, producer, store))
        return partitions[-1]

    yield one
    await asyncio.gather(*[partition.close() for partition in partitions])


@pytest.fixture
def delivery(settings: Settings) -> Delivery:
    return Delivery(settings.topics, settings.group("worker"))


def answered(record) -> Answered:
    return Answered(record, STATE, RANKING)


async def test_rankings_states_and_offset_are_written_together(
    settings, source, records, owner, delivery
) -> None:
    partition = await owner()
    partition.add(records)
    partition.take(NUM_EVENTS)
    await delivery.deliver(partition, [answered(one) for one in records])
    assert len(await read_count(settings, settings.topics.rankings.name, NUM_EVENTS)) == NUM_EVENTS
    written = await read_count(settings, settings.topics.user_preferences.name, NUM_EVENTS)
    assert await committed(settings, "worker", source.topic) == {0: records[-1].offset + 1}
    assert partition.store.get(b"u0") == written[0].value
    # The marker behind them is read past, not missed.
    assert partition.store.next_offset == written[-1].offset + 1


async def test_an_owner_that_was_shut_out_writes_nothing(
    settings, source, records, owner, delivery
) -> None:
    old = await owner()
    old.add(records)
    old.take(NUM_EVENTS)
    new = await owner()
    with pytest.raises(ProducerFenced):
        await delivery.deliver(old, [answered(one) for one in records])
    assert old.store.get(b"u0") is None
    new.add(records[:1])
    new.take(1)
    await delivery.deliver(new, [answered(records[0])])
    [ranking] = await read_count(settings, settings.topics.rankings.name, 1)
    assert ranking.key == b"u0"
    assert await committed(settings, "worker", source.topic) == {0: records[0].offset + 1}


async def test_what_an_owner_had_begun_is_undone_by_the_next(
    settings, records, owner, delivery
) -> None:
    old = await owner()
    await old.producer.begin_transaction()
    await old.producer.send_and_wait(settings.topics.rankings.name, b"half done", key=b"u0")
    new = await owner()
    new.add(records)
    new.take(NUM_EVENTS)
    await delivery.deliver(new, [answered(one) for one in records])
    rankings = await read_count(settings, settings.topics.rankings.name, NUM_EVENTS)
    assert b"half done" not in {one.value for one in rankings}


async def test_an_offset_waits_for_older_records_and_states_do_not(
    settings, source, records, owner, delivery
) -> None:
    partition = await owner()
    partition.add(records)
    partition.take(NUM_EVENTS)
    await delivery.deliver(partition, [answered(one) for one in records[1:]])
    await read_count(settings, settings.topics.rankings.name, NUM_EVENTS - 1)
    assert await committed(settings, "worker", source.topic) == {}
    await delivery.deliver(partition, [answered(records[0])])
    assert await committed(settings, "worker", source.topic) == {0: records[-1].offset + 1}


async def test_a_letter_that_its_headers_make_too_large_goes_without_its_value(
    settings, source, records, owner, delivery
) -> None:
    partition = await owner()
    huge = records[0]
    object.__setattr__(huge, "value", b"x" * (2 * 1024 * 1024 - 300))
    object.__setattr__(huge, "headers", (("trace", b"y" * 400),))
    partition.add([huge])
    partition.take(1)
    await delivery.deliver(partition, [Refused(huge, "Bad", "bad")])
    [letter] = await read_count(settings, settings.topics.dead_letters.name, 1)
    assert letter.value == b""
    assert letter.key == huge.key
    assert DeadLetter.from_headers(letter.headers).cut_bytes == len(huge.value)
