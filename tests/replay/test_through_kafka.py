"""A replay through topics and processes gives the lists that the step gives, and leaves nothing."""

import asyncio
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from PIL import Image
from replay.logs import NUM_ITEMS, SHOP, event, in_order, timeless

from conftest import Start
from kafka_io import produce
from rows import write_rows
from schemas.codec import encode
from schemas.interaction import Interaction
from stream_app.config import Settings
from stream_app.embedded.process import ChildProcess
from stream_app.kafka.connection import client_options
from stream_app.kafka.topics import admin_client
from stream_app.object_storage import connect
from stream_app.offline.files import find_files
from stream_app.replay.answered import OURS, run_job
from stream_app.replay.job import Job, Protocol
from stream_app.replay.part import Part
from stream_app.replay.protocols import Sample
from stream_app.replay.queries import RankedList
from stream_app.replay.through_kafka.deployment import groups_of
from stream_app.supervise import command_line

pytestmark = pytest.mark.kafka

NUM_EVENTS = 96
DEADLINE_S = 120.0
Lists = dict[str, RankedList]
KINDS = ("like", "view", "like", "purchase", "click", "dislike", "rating")


def events() -> list[Interaction]:
    """Of seven users, the last of whom comes late; times that no broker knows to the last digit."""
    found = []
    for number in range(NUM_EVENTS):
        user = "late" if number % 7 == 6 and number > 70 else f"u{number % 6}"
        # Of items that are there: those that come by their date alone change lists to the end.
        of_item = (7 * number + number // 6) % NUM_ITEMS
        of_item -= of_item % 3 == 2
        one = event(number, user, of_item, KINDS[number % 7])
        rating = 4.5 if one.kind == "rating" else None
        at = one.occurred_at.replace(microsecond=1234 * number)
        found.append(one.model_copy(update={"rating": rating, "occurred_at": at}))
    return in_order(found)


class Replays:
    """The command line in the environment of a deployment that goes on meanwhile."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.environment = environment
        self.folder = folder
        rows = [one.model_dump(mode="json") for one in SHOP.values()]
        for number, colour in enumerate(["red", "blue"]):
            rows[number]["image"] = f"{colour}.png"
            Image.new("RGB", (9, 9), colour).save(folder / f"{colour}.png")
        write_rows(folder / "items.jsonl", rows)
        (folder / "log.jsonl").write_bytes(b"\n".join(map(encode, events())))

    def arguments(self, out: str, *options: str) -> list[str]:
        items, log = (str(self.folder / name) for name in ("items.jsonl", "log.jsonl"))
        common = ["--items", items, "--no-baselines", "--test-share", "0.4"]
        return ["replay", log, *common, "--out", str(self.folder / out), *options]

    async def run(self, out: str, *options: str, code: int = 0) -> str:
        done = await asyncio.to_thread(
            subprocess.run,
            command_line(*self.arguments(out, *options)),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    def lists(self, settings: Settings, out: str, protocol: Protocol, **options: Any) -> Lists:
        """What a replay in this process answers, without its report."""
        files = find_files(self.folder / "log.jsonl", items=self.folder / "items.jsonl")
        job = Job(files, protocol, self.folder / out, Sample(), 0.4, **options)
        done = run_job(job, settings, progress=lambda *_: None, tell=lambda _: None)
        return {one.query_id: timeless(one) for one in done.answers[OURS]}


@pytest.fixture
def replays(environment: dict[str, str], tmp_path: Path) -> Replays:
    return Replays(environment, tmp_path)


async def on_the_broker(settings: Settings) -> tuple[dict[TopicPartition, int], set[str]]:
    """How far each topic reaches, and all groups, of the deployment and what is named after it.

    The broker is the whole session's: others come and go meanwhile.
    """
    prefix = settings.topic_prefix
    async with admin_client(settings) as admin:
        names = [name for name in await admin.list_topics() if name.startswith(prefix)]
        groups = set(await groups_of(admin, prefix))
    consumer = AIOKafkaConsumer(**client_options(settings))
    consumer.subscribe(names)
    await consumer.start()
    try:
        return await consumer.end_offsets(sorted(consumer.assignment())), groups
    finally:
        await consumer.stop()


def assert_no_bucket(settings: Settings) -> None:
    buckets = connect(settings).list_buckets()
    assert [one.name for one in buckets if one.name.startswith("replay-")] == []


def test_both_ways_give_the_same_lists_and_a_deployment_beside_it_sees_nothing(
    replays: Replays, settings: Settings, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in replays.environment.items():
        monkeypatch.setenv(name, value)
    worker = start("worker")
    sent = [(b"u1", one) for one in events()[:3]]
    asyncio.run(produce(settings, settings.topics.interactions.name, sent))
    before = asyncio.run(on_the_broker(settings))
    while not before[1]:
        before = asyncio.run(on_the_broker(settings))
    step = replays.lists(settings, "step", "temporal", seen="as-live")
    through = {"seen": "as-live", "through_kafka": True}
    kafka = replays.lists(settings, "kafka", "temporal", **through)
    assert len(step) > 20
    assert kafka == step
    sources = {name for one in kafka.values() for of in one.sources.values() for name in of}
    assert {"transitions", "popular", "newest", "summary"} <= sources
    day = Part(last=timedelta(days=1))
    live = replays.lists(settings, "live", "prequential", part=day, **through)
    assert len(live) > 10
    assert live.keys() <= {one.event_id for one in events()[-24:]}
    assert all(one.item_ids for one in live.values())
    assert asyncio.run(on_the_broker(settings)) == before
    assert worker.is_running()
    assert_no_bucket(settings)


async def test_interrupted_it_leaves_nothing_and_what_a_killed_one_left_is_removed(
    replays: Replays, settings: Settings, start: Start
) -> None:
    before = await on_the_broker(settings)
    killed = await begun(replays, settings, start, "killed")
    said = await replays.run("other", "--through", "kafka", code=1)
    assert "the same is being replayed by another process" in said
    killed.kill()
    await no_members(settings)
    stopped = await begun(replays, settings, start, "stopped")
    stopped.terminate()
    assert stopped.wait(DEADLINE_S) == 130
    assert await on_the_broker(settings) == before
    assert_no_bucket(settings)


async def begun(replays: Replays, settings: Settings, start: Start, out: str) -> ChildProcess:
    """A replay at the log's own pace, which is four days, once there is an answer."""
    running = start(*replays.arguments(out, "--through", "kafka", "--speed", "1"))
    # By then what another has left is gone.
    log = replays.folder / out / "work" / "logs" / "worker.log"
    async with asyncio.timeout(DEADLINE_S):
        while not (log.exists() and await has_rankings(settings)):
            running.raise_if_ended()
            await asyncio.sleep(0.2)
    return running


async def has_rankings(settings: Settings) -> bool:
    ends, _ = await on_the_broker(settings)
    replayed = f"{settings.topic_prefix}replay-"
    return any(
        end > 0 and tp.topic.startswith(replayed) and tp.topic.endswith(".rankings")
        for tp, end in ends.items()
    )


async def no_members(settings: Settings) -> None:
    """Wait until the broker has missed those that were killed."""
    async with asyncio.timeout(DEADLINE_S), admin_client(settings) as admin:
        for group in await groups_of(admin, ""):
            while (await admin.describe_consumer_groups([group]))[0].groups[0][-1]:
                pass
