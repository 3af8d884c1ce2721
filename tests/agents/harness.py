"""An agent as a real process, and what stands on its topics."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka import ConsumerRecord

from kafka_io import read_count
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


async def read_dead_letters(settings: Settings, count: int) -> dict[str, ConsumerRecord]:
    """The first `count` dead letters, by their error class."""
    records = await read_count(settings, settings.topics.dead_letters.name, count)
    return {DeadLetter.from_headers(record.headers).error: record for record in records}
