"""`stream-app doctor` against a real deployment: whole, and with one part after the other gone."""

import asyncio
import subprocess
from collections.abc import Callable

import orjson
import pytest

from conftest import Start
from kafka_io import produce, read_count
from records import interaction, item
from stream_app.config import Settings
from stream_app.embedded.process import ChildProcess
from stream_app.kafka.topics import admin_client
from stream_app.object_storage import ObjectStorage, connect
from stream_app.supervise import PROCESSES, command_line

pytestmark = pytest.mark.kafka

DEADLINE_S = 90
Found = dict[str, dict[str, object]]


@pytest.fixture
def running(settings: Settings, start: Start) -> dict[str, ChildProcess]:
    storage = ObjectStorage(connect(settings), [])
    for bucket in (*settings.buckets, settings.adapter_bucket):
        storage.make_bucket(bucket)
    return {name: start(*arguments) for name, arguments in PROCESSES.items()}


async def examined(environment: dict[str, str], *arguments: str) -> tuple[int, Found]:
    """Run the command; return its exit code and its findings by check, the worst of each."""
    done = await asyncio.to_thread(
        subprocess.run,
        command_line("doctor", "--json", *arguments),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )
    assert "Traceback" not in done.stderr, done.stderr
    findings = [orjson.loads(line) for line in done.stdout.splitlines()]
    found = {one["check"]: one for one in findings}
    assert environment["S3_SECRET_KEY"] not in done.stdout + done.stderr
    return done.returncode, found


async def until(
    environment: dict[str, str], is_so: Callable[[int, Found], bool], *arguments: str
) -> Found:
    """Examine until it is so: groups take seconds to form, and to notice that a member left."""
    found: Found = {}
    try:
        async with asyncio.timeout(DEADLINE_S):
            while True:
                code, found = await examined(environment, *arguments)
                if is_so(code, found):
                    return found
    except TimeoutError:
        pytest.fail(f"never so: {found}")


def wrong(found: Found) -> set[str]:
    return {check for check, one in found.items() if one["verdict"] == "wrong"}


async def test_what_is_wrong_is_named_and_nothing_else(
    settings: Settings, running: dict[str, ChildProcess], environment: dict[str, str]
) -> None:
    topics = settings.topics
    await produce(settings, topics.items.name, [(b"i1", item(1))])
    await produce(settings, topics.interactions.name, [(b"ada", interaction(1))])
    await read_count(settings, topics.recommendations.name, 1)

    def all_read(code: int, found: Found) -> bool:
        groups = [one["details"] for check, one in found.items() if check.startswith("group ")]
        is_behind = any(sum(group["lag"].values()) for group in groups)
        return code == 0 and len(groups) == len(PROCESSES) and not is_behind

    healthy = await until(environment, all_read)
    assert healthy.keys() >= {"brokers", "topics", "partitions", "record size", "cleanup"}
    assert healthy.keys() >= {"dead letters", "model", "disk", f"bucket {settings.buckets[0]}"}
    assert healthy[f"flow to {topics.rankings.name}"]["verdict"] == "ok"
    assert healthy[f"flow to {topics.recommendations.name}"]["verdict"] == "ok"

    await produce(settings, topics.interactions.name, [(b"ada", b"{not json")])
    letters = await until(environment, lambda _, found: found["dead letters"]["details"] != {})
    assert letters["dead letters"]["details"] == {"open": {"MalformedJson": 1}}

    code, found = await examined({**environment, "STREAM_APP_BUCKETS": "no-such-bucket"})
    assert (code, wrong(found)) == (1, {"bucket no-such-bucket"})
    code, found = await examined({**environment, "S3_SECRET_KEY": "not-the-key"})
    assert code == 1
    assert wrong(found) == {check for check in found if check.startswith("bucket ")}

    running["ingest"].terminate()
    running["ingest"].wait(DEADLINE_S)
    events = [(b"ada", interaction(number)) for number in range(2, 14)]
    await produce(settings, topics.interactions.name, events)
    silent = {"group ingest", f"flow to {topics.rankings.name}"}
    found = await until(environment, lambda _, found: silent <= wrong(found), "--patience", "1")
    assert wrong(found) == silent
    assert sum(found["group ingest"]["details"]["lag"].values()) == 12

    async with admin_client(settings) as admin:
        await admin.delete_topics([topics.dead_letters.name])
    found = await until(environment, lambda _, found: "topics" in wrong(found))
    assert topics.dead_letters.name in found["topics"]["message"]
