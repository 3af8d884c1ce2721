"""How fast the signals process counts, and how soon an event is in the views.

`python -m benchmarks.signals [--events N]`. Starts Kafka on this machine, writes the events, and
measures one process from its first commit to its last; then events that come alone, from sending
to the record of their item. The users' interest in items falls with their rank, as in shops.
"""

import argparse
import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from random import Random

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError
from rich.console import Console
from rich.table import Table

from benchmarks.route import percentiles_ms
from benchmarks.servers import servers
from schemas.codec import encode
from schemas.interaction import Interaction
from stream_app.config import Settings, read_settings
from stream_app.kafka.connection import client_options
from stream_app.kafka.producer import reliable_producer
from stream_app.kafka.topics import create_topics
from stream_app.supervise import PROCESSES, running

NUM_USERS = 2000
NUM_ITEMS = 5000
NUM_PROBES = 100
SENT_AT_ONCE = 1000
DEADLINE_S = 300.0


def events() -> Iterator[Interaction]:
    """Yield likes of many users, the same in every run."""
    random = Random(0)
    for number in count():
        rank = int(NUM_ITEMS ** random.random())
        yield Interaction(
            event_id=f"e{number}",
            user_id=f"user-{random.randrange(NUM_USERS)}",
            item_id=f"item-{rank}",
            kind="like",
            occurred_at=datetime.fromtimestamp(1_800_000_000 + number, UTC),
        )


async def write(settings: Settings, some: Iterator[Interaction], num_events: int) -> None:
    """Write so many events."""
    async with reliable_producer(settings) as producer:
        for number in range(1, num_events + 1):
            event = next(some)
            topic = settings.topics.interactions.name
            await producer.send(topic, encode(event), key=event.user_id.encode())
            if number % SENT_AT_ONCE == 0:
                await producer.flush()


async def counted_per_s(settings: Settings, num_events: int) -> float:
    """Return events/s between the first commit that is seen and the last."""
    admin = AIOKafkaAdminClient(**client_options(settings))
    await admin.start()
    first: tuple[float, int] | None = None
    try:
        async with asyncio.timeout(DEADLINE_S):
            while True:
                far, now = await num_committed(admin, settings), time.monotonic()
                if far and first is None:
                    first = (now, far)
                if first is not None and far == num_events:
                    return (far - first[1]) / (now - first[0])
                await asyncio.sleep(0.05)
    finally:
        await admin.close()


async def num_committed(admin: AIOKafkaAdminClient, settings: Settings) -> int:
    """Return how many events are committed."""
    try:
        offsets = await admin.list_consumer_group_offsets(settings.group("signals"))
    except GroupCoordinatorNotAvailableError:
        # The topic of offsets is made when the first group is asked for.
        return 0
    return sum(one.offset for one in offsets.values())


async def latencies_s(settings: Settings, some: Iterator[Interaction]) -> list[float]:
    """Return how long each of some events takes, one after the other, to its item's record."""
    options, found = client_options(settings), []
    topics = settings.topics
    consumer = AIOKafkaConsumer(
        topics.item_signals.name, **options, isolation_level="read_committed"
    )
    async with AIOKafkaProducer(**options) as producer, consumer:
        await consumer.seek_to_end()
        for tp in consumer.assignment():
            await consumer.position(tp)
        for _ in range(NUM_PROBES):
            event, sent_at = next(some), time.perf_counter()
            await producer.send(topics.interactions.name, encode(event), key=event.user_id.encode())
            async with asyncio.timeout(DEADLINE_S):
                while (await consumer.getone()).key != event.item_id.encode():
                    pass
            found.append(time.perf_counter() - sent_at)
    return found


def main() -> None:
    """Write, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--events", type=int, default=20_000)
    options = parser.parse_args()
    with servers() as folder:
        settings = read_settings()
        asyncio.run(create_topics(settings))
        some = events()
        asyncio.run(write(settings, some, options.events))
        process = {"signals": PROCESSES["signals"]}
        with running(process, folder / "logs", drain_s=settings.drain_s):
            per_s = asyncio.run(counted_per_s(settings, options.events))
            p50, p99 = percentiles_ms(asyncio.run(latencies_s(settings, some)))
    table = Table(caption=f"{NUM_USERS:,} users, {NUM_ITEMS:,} items, {options.events:,} events")
    for column in ("events/s", "alone p50 ms", "p99 ms"):
        table.add_column(column, justify="right")
    table.add_row(f"{per_s:,.0f}", f"{p50:.1f}", f"{p99:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
