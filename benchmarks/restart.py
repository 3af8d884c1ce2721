"""How long a worker takes to come back with many users' states: with its disk, and without.

`python -m benchmarks.restart [--users N]`. Starts Kafka and object storage on this machine, writes
a state for each user to the changelog, and measures from the start of the worker's process to its
answer to one event: first with an empty disk, then with the disk that this leaves behind. The
engine has no weights; a model's loading time comes on top.
"""

import argparse
import asyncio
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from rich.console import Console
from rich.table import Table

from benchmarks.made_users import made_catalogue, made_inputs
from benchmarks.servers import servers
from models.step import StepInput, StepOptions, step
from models.weightless import WeightlessEngine
from schemas.codec import encode
from schemas.enriched_interaction import EnrichedInteraction, SourcePosition
from schemas.interaction import Interaction
from schemas.item import Item
from schemas.user_preference import UserPreference
from stream_app.config import Settings, read_settings
from stream_app.kafka.connection import client_options
from stream_app.kafka.producer import reliable_producer
from stream_app.kafka.topics import create_topics
from stream_app.show import Progress, progress_bars
from stream_app.supervise import PROCESSES, running

NUM_ITEMS = 200
# As long as states get: the bounds of a state are reached after some thirty events.
EVENTS_OF_A_USER = 30
ANSWER_DEADLINE_S = 300.0
SENT_AT_ONCE = 1000
MEGABYTE = 1e6


def long_state() -> UserPreference:
    """Return the state of a busy user."""
    engine = WeightlessEngine()
    catalogue = made_catalogue(engine, NUM_ITEMS)
    (one,) = made_inputs(engine, catalogue, 1)
    state = one.state
    for number in range(EVENTS_OF_A_USER):
        profile = catalogue.get(str(number * 7 % NUM_ITEMS))
        if profile is None:
            raise LookupError(f"item {number * 7 % NUM_ITEMS} was not made")
        at = datetime.fromtimestamp(1_800_000_000 + number, UTC)
        event = Interaction(
            event_id=f"e{number}", user_id="0", item_id=profile.item_id, kind="like", occurred_at=at
        )
        source = SourcePosition(partition=0, offset=100 + number, timestamp=at)
        one = StepInput(state, event, source, profile, ranked_by=None)
        (result,) = step(engine, catalogue, [one], StepOptions(1))
        state = result.state
    if state is None:
        raise LookupError("no event made a state")
    return state


def states(num_users: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield key and value of each user's state."""
    like = long_state()
    for number in range(num_users):
        user = f"user-{number}"
        yield user.encode(), encode(like.model_copy(update={"user_id": user}))


async def write_states(settings: Settings, num_users: int, progress: Progress) -> int:
    """Write the states to the changelog; return their bytes."""
    topic, num_bytes = settings.topics.user_preferences.name, 0
    async with reliable_producer(settings) as producer:
        for number, (key, value) in enumerate(states(num_users), start=1):
            await producer.send(topic, value, key=key)
            num_bytes += len(key) + len(value)
            if number % SENT_AT_ONCE == 0:
                await producer.flush()
                progress("states", number, num_users)
    return num_bytes


async def first_answer(settings: Settings, number: int) -> None:
    """Send an event and wait for its ranking."""
    at = datetime.now(UTC)
    event = Interaction(
        event_id=f"probe-{number}",
        user_id=f"user-{number}",
        item_id="1",
        kind="click",
        occurred_at=at,
    )
    enriched = EnrichedInteraction(
        interaction=event,
        source=SourcePosition(partition=9, offset=number, timestamp=at),
        item=Item(item_id="1", title="Item 1"),
    )
    consumer = AIOKafkaConsumer(
        settings.topics.rankings.name,
        **client_options(settings),
        isolation_level="read_committed",
    )
    async with (
        consumer,
        AIOKafkaProducer(**client_options(settings)) as own,
    ):
        await consumer.seek_to_end()
        for tp in consumer.assignment():
            await consumer.position(tp)
        topic = settings.topics.interactions_enriched.name
        await own.send_and_wait(topic, encode(enriched), key=event.user_id.encode())
        async with asyncio.timeout(ANSWER_DEADLINE_S):
            await consumer.getone()


def measured(settings: Settings, folder: Path, number: int) -> float:
    """Start a worker, wait for its answer, stop it; return the seconds to the answer."""
    started = time.monotonic()
    worker = {"worker": PROCESSES["worker"]}
    with running(worker, folder / "logs", drain_s=settings.drain_s):
        asyncio.run(first_answer(settings, number))
        return time.monotonic() - started


def main() -> None:
    """Write, measure both ways, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--users", type=int, default=100_000)
    options = parser.parse_args()
    os.environ["STREAM_APP_ENGINE"] = "weightless"
    with servers() as folder:
        settings = read_settings()
        asyncio.run(create_topics(settings))
        with progress_bars() as progress:
            num_bytes = asyncio.run(write_states(settings, options.users, progress))
        without, with_disk = (measured(settings, folder, number) for number in range(2))
    table = Table(caption=f"{options.users:,} users, {num_bytes / MEGABYTE:,.0f} MB of states")
    table.add_column("a worker starts")
    table.add_column("first answer after s", justify="right")
    table.add_row("with an empty disk", f"{without:.1f}")
    table.add_row("with the disk it left", f"{with_disk:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
