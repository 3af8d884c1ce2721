"""An agent as a real process, and what stands on its topics."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord

from schemas.dead_letter import DeadLetter
from stream_app.config import Settings

DEADLINE_S = 60
RUN = """
import logging, sys
from stream_app.agents.run import run_agent
from stream_app.config import read_settings
logging.basicConfig(level="INFO")
run_agent(sys.argv[1], read_settings())
"""


@contextmanager
def agent(name: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """The agent's process; what is left of it at the end is killed."""
    process = subprocess.Popen([sys.executable, "-c", RUN, name], env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def stop(process: subprocess.Popen[bytes]) -> int:
    process.terminate()
    return process.wait(DEADLINE_S)


async def produce(
    settings: Settings, topic: str, records: Iterable[tuple[bytes | None, bytes | None]], **options
) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers)
    await producer.start()
    try:
        sent = [await producer.send(topic, value, key, **options) for key, value in records]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def read_until(
    settings: Settings, topic: str, is_enough: Callable[[list[ConsumerRecord]], bool]
) -> list[ConsumerRecord]:
    """Read the topic from its beginning until there is enough, or the deadline is over."""
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=settings.kafka_bootstrap_servers,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    await consumer.start()
    records: list[ConsumerRecord] = []
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not is_enough(records):
                records.append(await consumer.getone())
    except TimeoutError:
        raise AssertionError(f"not enough on {topic}: {len(records)} records") from None
    finally:
        await consumer.stop()
    return records


async def read(settings: Settings, topic: str, count: int) -> list[ConsumerRecord]:
    return await read_until(settings, topic, lambda records: len(records) >= count)


async def read_dead_letters(settings: Settings, count: int) -> dict[str, ConsumerRecord]:
    """The first `count` dead letters, by their error class."""
    records = await read(settings, settings.topics.dead_letters.name, count)
    return {DeadLetter.from_headers(record.headers).error: record for record in records}
