"""How an agent's process ends, and that nothing is committed which was not written."""

import os
import subprocess
import sys

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from PIL import Image

from kafka_io import produce, read_count, read_until
from schemas.codec import decode, encode
from schemas.dead_letter import DeadLetter
from schemas.enriched_interaction import EnrichedInteraction
from schemas.item import ImageLocation
from stream_app.agents.outbox import EXIT_UNCOMMITTED
from stream_app.agents.run import EXIT_STUCK
from tests.agents.harness import RUN, agent, read_dead_letters
from tests.agents.pictures import encoded
from tests.records import interaction, item

pytestmark = pytest.mark.kafka

STUCK = """
import time
from dataclasses import replace
from stream_app.agents import run
def build(settings, profile=run.AGENTS["profile"]):
    async def transform(*_):
        print("stuck", flush=True)
        time.sleep(1000)
    return replace(profile(settings), transform=transform)
run.AGENTS["profile"] = build
"""
STOPPED_WHILE_STARTING = """
import os, signal
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
async def start_and_be_stopped(self, start=AIOKafkaConsumerThread.on_start):
    await start(self)
    os.kill(os.getpid(), signal.SIGTERM)
AIOKafkaConsumerThread.on_start = start_and_be_stopped
"""
FAULT_OF_OURS = """
from dataclasses import replace
from stream_app.agents import run
def build(settings, profile=run.AGENTS["profile"]):
    agent = profile(settings)
    async def transform(item, source):
        if item.title == "unlucky":
            raise ZeroDivisionError("with a secret")
        return await agent.transform(item, source)
    return replace(agent, transform=transform)
run.AGENTS["profile"] = build
"""
VIEW_DIES = """
import asyncio
from stream_app.kafka.compacted import CompactedView
async def run(self):
    await asyncio.sleep(0.1)
    raise RuntimeError("the view is gone")
CompactedView.run = run
"""
THIRD_WRITE_FAILS = """
import asyncio, itertools
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError
numbers, send = itertools.count(1), AIOKafkaProducer.send
async def failing(self, *args, **kwargs):
    if next(numbers) != 3:
        return await send(self, *args, **kwargs)
    failed = asyncio.get_running_loop().create_future()
    failed.set_exception(KafkaTimeoutError())
    return failed
AIOKafkaProducer.send = failing
"""


def start(name: str, environment: dict[str, str], before: str = "") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", before + RUN, name]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)


def end_of(process: subprocess.Popen[str]) -> tuple[int, str]:
    try:
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode, errors


async def test_without_its_topics_an_agent_says_so(environment):
    code, errors = end_of(start("ingest", environment))
    assert code == 1
    assert "missing topics" in errors


async def test_a_stuck_process_is_ended_by_its_deadline(settings, environment):
    await produce(settings, settings.topics.items.name, [(b"i1", encode(item(1)))])
    process = start("profile", {**environment, "STREAM_APP_DRAIN_S": "1"}, STUCK)
    assert process.stdout.readline() == "stuck\n"
    process.terminate()
    code, _ = end_of(process)
    assert code == EXIT_STUCK


async def test_a_stop_while_faust_starts_is_an_orderly_stop(settings, environment):
    environment = {**environment, "STREAM_APP_DRAIN_S": "10"}
    code, _ = end_of(start("profile", environment, STOPPED_WHILE_STARTING))
    assert code == 0


async def test_an_agent_needs_no_disk(settings, environment, tmp_path):
    bare = tmp_path / "bare"
    bare.mkdir()
    environment = {**environment, "PYTHONPATH": os.getcwd()}
    await produce(settings, settings.topics.items.name, [(b"i1", encode(item(1)))])
    process = start("profile", environment, f"import os\nos.chdir({str(bare)!r})\n")
    await read_count(settings, settings.topics.item_images.name, 1)
    process.terminate()
    assert end_of(process)[0] == 0
    assert list(bare.iterdir()) == []


async def test_the_process_ends_with_a_view_that_it_needs(settings, environment):
    code, errors = end_of(start("ingest", environment, VIEW_DIES))
    assert code == EXIT_UNCOMMITTED
    assert "ending without a commit" in errors


async def test_a_failed_write_ends_the_process_before_the_commit(settings, environment):
    events = [(b"ada", encode(interaction(n))) for n in range(10)]
    await produce(settings, settings.topics.items.name, [(b"i1", encode(item(1)))])
    await produce(settings, settings.topics.interactions.name, events)
    code, _ = end_of(start("ingest", environment, THIRD_WRITE_FAILS))
    assert code == EXIT_UNCOMMITTED
    wanted = {f"e{n}" for n in range(10)}
    with agent("ingest", environment):
        await read_until(
            settings,
            settings.topics.interactions_enriched.name,
            lambda records: event_ids(records) == wanted,
        )


def event_ids(records) -> set[str]:
    events = (decode(EnrichedInteraction, record.value) for record in records)
    return {event.interaction.event_id for event in events}


async def test_a_fault_of_ours_costs_one_record(settings, environment):
    unlucky = encode(item(1, title="unlucky"))
    records = [(b"i1", unlucky), (b"i1", encode(item(1)))]
    await produce(settings, settings.topics.items.name, records)
    process = start("profile", environment, FAULT_OF_OURS)
    letters = await read_dead_letters(settings, 1)
    await read_count(settings, settings.topics.item_images.name, 1)
    process.terminate()
    assert end_of(process)[0] == 0
    assert letters["UnexpectedError"].value == unlucky
    message = DeadLetter.from_headers(letters["UnexpectedError"].headers).message
    assert message == "unexpected ZeroDivisionError, see log"


async def limit(settings, topic: str, num_bytes: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    await admin.start()
    config = {"max.message.bytes": str(num_bytes)}
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=config)])
    await admin.close()


async def test_what_a_topic_has_no_room_for_is_set_aside(settings, environment, put):
    put("noise", encoded(Image.effect_noise((256, 256), 200).convert("RGB"), "PNG"))
    location = ImageLocation(bucket=settings.buckets[0], key="noise")
    pictured = item(
        1,
        image=location,
        description="x" * 9_000,
        attributes={f"{n:0128d}": "y" * 128 for n in range(64)},
    )
    await limit(settings, settings.topics.item_images.name, 66_000)
    records = [(b"i1", encode(pictured)), (b"i2", encode(item(2)))]
    await produce(settings, settings.topics.items.name, records)
    with agent("profile", environment):
        letters = await read_dead_letters(settings, 1)
        await read_count(settings, settings.topics.item_images.name, 1)
    assert letters["RecordTooLarge"].value == encode(pictured)


async def test_a_dead_letter_without_room_for_its_value_is_empty_not_null(settings, environment):
    topic = settings.topics.dead_letters.name
    await limit(settings, topic, 70_000)
    await produce(settings, settings.topics.items.name, [(b"i1", b"x" * 80_000)])
    with agent("profile", environment):
        letters = await read_dead_letters(settings, 1)
    assert letters["MalformedJson"].value == b""
    assert DeadLetter.from_headers(letters["MalformedJson"].headers).cut_bytes == 80_000
