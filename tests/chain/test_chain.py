"""The whole product as its users run it: commands, topics, and nothing in between but Kafka."""

import asyncio
import io
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from conftest import Start
from kafka_io import produce, read_count, read_until
from records import interaction
from schemas.codec import decode, encode
from schemas.dead_letter import DeadLetter
from schemas.recommendation import Recommendation
from stream_app.config import Settings
from stream_app.supervise import command_line

pytestmark = pytest.mark.kafka

NUM_ITEMS = 30
USERS = ("ada", "bruno", "chiara", "dmitri", "elif")
PROCESSES = (("agents", "ingest"), ("agents", "profile"), ("agents", "publish"), ("worker",))


class Shop:
    """The command line in the environment of this test's deployment."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.environment = environment
        self.folder = folder

    async def run(self, *arguments: str, code: int = 0) -> str:
        done = await asyncio.to_thread(
            subprocess.run,
            command_line(*arguments),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    def write_catalogue(self) -> Path:
        (self.folder / "pictures").mkdir(exist_ok=True)
        rows = []
        for number in range(NUM_ITEMS):
            picture = f"pictures/{number}.jpg"
            colour = (8 * number, 255 - 8 * number, 99)
            Image.new("RGB", (64, 64), colour).save(self.folder / picture)
            rows.append({"item_id": number, "title": f"Thing {number}", "image": picture})
        file = self.folder / "items.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return file

    def write_events(self, first: int, last: int) -> Path:
        file = self.folder / f"events-{first}.csv"
        rows = [
            f"{USERS[number % len(USERS)]},{number % NUM_ITEMS},{number % 6},{1_000_000 + number}"
            for number in range(first, last)
        ]
        file.write_text("user_id,item_id,rating,timestamp\n" + "\n".join(rows) + "\n")
        return file


@pytest.fixture
def shop(environment: dict[str, str], tmp_path: Path) -> Shop:
    return Shop(environment, tmp_path)


async def recommendations(settings: Settings, count: int) -> list[Recommendation]:
    records = await read_count(settings, settings.topics.recommendations.name, count)
    found = [decode(Recommendation, record.value) for record in records]
    assert all(
        isinstance(one, Recommendation) and record.key.decode() == one.user_id
        for one, record in zip(found, records, strict=True)
    )
    return found


async def the_example_prints(environment: dict[str, str], user: str) -> None:
    example = Path(__file__).parents[2] / "examples" / "subscribe.py"
    running = await asyncio.create_subprocess_exec(
        sys.executable, str(example), user, env=environment, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert running.stdout is not None
        line = await asyncio.wait_for(running.stdout.readline(), 30)
        assert line.decode().startswith(f"{user} (")
    finally:
        running.kill()
        await running.wait()


async def test_a_click_becomes_a_recommendation(
    settings: Settings, shop: Shop, start: Start
) -> None:
    for process in PROCESSES:
        start(*process)
    catalogue = shop.write_catalogue()
    loaded = await shop.run("catalog", "load", str(catalogue))
    assert "30 items, 30 written; 30 pictures, 30 uploaded, 0 missing" in loaded
    again = await shop.run("catalog", "load", str(catalogue))
    assert "30 items, 0 written; 30 pictures, 0 uploaded, 0 missing" in again

    await read_count(settings, settings.topics.item_profiles.name, NUM_ITEMS)
    assert "60 events sent" in await shop.run("send", str(shop.write_events(0, 60)))
    found = await recommendations(settings, 60)

    assert Counter(one.user_id for one in found) == dict.fromkeys(USERS, 12)
    assert len({one.trigger.event_id for one in found}) == 60
    known = {str(number) for number in range(NUM_ITEMS)}
    for one in found:
        assert [item.rank for item in one.items] == list(range(1, 11))
        assert {item.item_id for item in one.items} <= known
        assert all(item.reason for item in one.items)
    assert all(one.degraded == () for one in found)
    shown = await shop.run("recommend", "--user", "ada", "--json")
    assert json.loads(shown.splitlines()[0])["user_id"] == "ada"
    await the_example_prints(shop.environment, "ada")
    assert "no recommendation yet for user nobody" in await shop.run(
        "recommend", "--user", "nobody", code=1
    )


async def test_bad_events_and_pictures_cost_one_record_each_and_every_process_goes_on(
    settings: Settings, shop: Shop, start: Start
) -> None:
    running = [start(*process) for process in PROCESSES]
    catalogue = shop.write_catalogue()
    (shop.folder / "pictures" / "0.jpg").write_text("this is text")
    bomb = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(bomb, "PNG")
    (shop.folder / "pictures" / "1.jpg").write_bytes(bomb.getvalue())
    (shop.folder / "pictures" / "2.jpg").write_bytes(bytes(50_000_000))
    (shop.folder / "pictures" / "3.jpg").unlink()
    loaded = await shop.run("catalog", "load", str(catalogue))
    assert "1 missing" in loaded

    topic, user = settings.topics.interactions.name, b"ada"
    good = interaction(1, item="5")
    await produce(
        settings,
        topic,
        [
            (user, b"{not json"),
            (user, b"\xff\xfe"),
            (user, b'{"event_id": 5}'),
            (user, encode(good).replace(b'"schema_version":1', b'"schema_version":2')),
            (user, interaction(2, item="no-such-item")),
            (None, good),
            (b"someone else", good),
            *[(user, interaction(10 + number, item=str(number))) for number in range(4)],
            (user, good),
        ],
    )
    found = await recommendations(settings, 5)
    assert sorted(one.trigger.event_id for one in found) == ["e1", "e10", "e11", "e12", "e13"]
    degraded = {one.trigger.item_id: bool(one.degraded) for one in found}
    # Item 3 had no picture to begin with: nothing is missing that the catalogue names.
    assert degraded == {"0": True, "1": True, "2": True, "3": False, "5": False}

    letters = await read_count(settings, settings.topics.dead_letters.name, 7)
    errors = Counter(DeadLetter.from_headers(letter.headers).error for letter in letters)
    assert errors == {
        "MalformedJson": 2,
        "InvalidRecord": 1,
        "UnknownSchemaVersion": 1,
        "UnknownItem": 1,
        "NullKey": 1,
        "KeyMismatch": 1,
    }
    assert all(process.is_running() for process in running)


async def test_each_process_restarts_with_a_backlog_and_no_event_goes_unanswered(
    settings: Settings, shop: Shop, start: Start
) -> None:
    processes = {process: start(*process) for process in PROCESSES}
    await shop.run("catalog", "load", str(shop.write_catalogue()))
    await read_count(settings, settings.topics.item_profiles.name, NUM_ITEMS)
    sent = 0
    for process in PROCESSES:
        await shop.run("send", str(shop.write_events(sent, sent + 50)))
        processes[process].terminate()
        assert processes[process].wait(20) == 0
        await shop.run("send", str(shop.write_events(sent + 50, sent + 100)))
        processes[process] = start(*process)
        sent += 100

        def all_answered(records: list, sent: int = sent) -> bool:
            found = [decode(Recommendation, record.value) for record in records]
            return len({one.trigger.event_id for one in found}) == sent

        await read_until(settings, settings.topics.recommendations.name, all_answered)


@pytest.mark.parametrize("command", ["load", "send", "recommend", "follow"])
async def test_without_topics_every_tool_says_how_to_create_them(shop: Shop, command: str) -> None:
    arguments = {
        "load": ("catalog", "load", str(shop.write_catalogue())),
        "send": ("send", str(shop.write_events(0, 1))),
        "recommend": ("recommend",),
        "follow": ("recommend", "--follow"),
    }[command]
    said = await shop.run(*arguments, code=1)
    assert "create them with `stream-app topics create`" in said
    assert "Traceback" not in said
