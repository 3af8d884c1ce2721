"""Worker and agents as processes, asked over HTTP while they start."""

import asyncio
from collections.abc import Callable

import aiohttp
import pytest

from conftest import Start
from stream_app.config import Settings
from stream_app.embedded.ports import HOST, free_ports

pytestmark = pytest.mark.kafka

DEADLINE_S = 60


@pytest.fixture
def one_partition(environment: dict[str, str]) -> None:
    environment["STREAM_APP_PARTITIONS"] = "1"


@pytest.fixture
def start_probed(start: Start, environment: dict[str, str]) -> Callable[..., int]:
    """Start a process with a port for its probes, and return the port."""

    def start_one(*arguments: str) -> int:
        (port,) = free_ports(1)
        environment["STREAM_APP_HEALTH_PORT"] = str(port)
        environment["STREAM_APP_HEALTH_HOST"] = HOST
        start(*arguments)
        return port

    return start_one


async def until_ready(port: int) -> None:
    """Ask until the answer is yes; before it, the answer must name what is missing."""
    async with asyncio.timeout(DEADLINE_S), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"http://{HOST}:{port}/ready") as response:
                    body = await response.json()
            except aiohttp.ClientConnectionError:
                # Not listening yet.
                continue
            assert bool(body["missing"]) == (response.status == 503), body
            if response.status == 200:
                return


@pytest.mark.usefixtures("one_partition")
@pytest.mark.parametrize("process", [["worker"], ["agents", "ingest"]], ids=" ".join)
async def test_the_owner_of_the_only_partition_and_the_spare_are_both_ready(
    settings: Settings, start_probed: Callable[..., int], process: list[str]
) -> None:
    assert settings.partitions == 1
    await until_ready(start_probed(*process))
    await until_ready(start_probed(*process))
