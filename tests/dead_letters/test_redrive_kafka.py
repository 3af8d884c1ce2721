"""Each letter is dealt with once: again, at the same time, and after a kill."""

import asyncio
import json
import signal
import subprocess
import sys

import pytest

from conftest import Start
from kafka_io import produce, read_count, read_until
from records import interaction, item
from schemas.codec import decode, encode
from schemas.dead_letter import DeadLetter, LetterId
from schemas.ranking import Ranking
from schemas.user_preference import UserPreference
from stream_app.config import Settings
from stream_app.dead_letters import redrive as redriving
from stream_app.dead_letters.errors import DeadLetterError
from stream_app.dead_letters.letters import Selection, num_letters, read_letters
from stream_app.dead_letters.redrive import discard, redrive, redrive_without_writing
from stream_app.kafka import reading
from stream_app.kafka.producer import new_producer
from stream_app.kafka.reading import read_to_end
from stream_app.supervise import command_line
from tests.dead_letters.written import about

pytestmark = pytest.mark.kafka

ALL = Selection()
# Not where our producers put ada: whoever wrote the record may spread keys otherwise.
PARTITION = 3
KILLED_IN_ITS_SECOND_TRANSACTION = """
import asyncio, os, signal
from aiokafka import AIOKafkaProducer
from stream_app.config import read_settings
from stream_app.dead_letters import plan
from stream_app.dead_letters.letters import Selection, read_letters
from stream_app.dead_letters.redrive import redrive
plan.MAX_LETTERS = 2
commits = []
async def commit(self, commit=AIOKafkaProducer.commit_transaction):
    commits.append(self)
    if len(commits) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    await commit(self)
AIOKafkaProducer.commit_transaction = commit
async def main():
    settings = read_settings()
    await redrive(settings, [one.letter_id for one in await read_letters(settings, Selection())])
asyncio.run(main())
"""


async def set_aside(settings: Settings, *values: bytes | None, partition: int = PARTITION) -> None:
    """Write letters of interactions, as an agent does."""
    for offset, value in enumerate(values):
        source = settings.topics.interactions.name
        letter = about(topic=source, partition=partition, offset=offset)
        headers = letter.headers([("trace", b"%d" % offset)])
        topic = settings.topics.dead_letters.name
        await produce(settings, topic, [(b"ada", value)], headers=headers)


async def run(*command: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(
        subprocess.run, command, env=env, capture_output=True, text=True, timeout=60, check=False
    )


async def open_ids(settings: Settings, selection: Selection = ALL) -> list[LetterId]:
    return [one.letter_id for one in await read_letters(settings, selection)]


async def standing(settings: Settings, topic: str) -> list:
    return [one async for one in read_to_end(settings, topic)]


async def values(settings: Settings) -> list[bytes | None]:
    return [one.value for one in await standing(settings, settings.topics.interactions.name)]


async def test_what_is_redriven_twice_is_sent_once_and_as_it_came(settings: Settings) -> None:
    await set_aside(settings, b"{not json", None, b"\xff")
    ids = await open_ids(settings)
    interactions = settings.topics.interactions.name
    first = await redrive(settings, ids)
    assert (first.sent, first.num_settled, first.left) == ({interactions: 3}, 3, [])
    again = await redrive(settings, ids)
    assert (again.sent, again.num_settled, again.num_settled_before) == ({}, 0, 3)
    sent = await standing(settings, interactions)
    assert [(one.partition, one.key, one.value, one.headers) for one in sent] == [
        (PARTITION, b"ada", b"{not json", (("trace", b"0"),)),
        (PARTITION, b"ada", None, (("trace", b"1"),)),
        (PARTITION, b"ada", b"\xff", (("trace", b"2"),)),
    ]
    assert await open_ids(settings) == []
    settled = await read_letters(settings, ALL, with_settled=True)
    assert [one.settled_as for one in settled] == ["redriven"] * 3
    assert await num_letters(settings) == 3


async def test_what_is_discarded_is_not_sent_and_a_dry_run_changes_nothing(
    settings: Settings,
) -> None:
    await set_aside(settings, b"1", b"2", partition=99)
    first, second = await open_ids(settings)
    nowhere = LetterId(0, 99)
    dry = await redrive_without_writing(settings, [first, nowhere])
    assert (dry.sent, dry.left) == (
        {settings.topics.interactions.name: 1},
        ["0:99: there is no such letter"],
    )
    assert await open_ids(settings) == [first, second]
    assert (await discard(settings, [first])).num_settled == 1
    assert (await redrive(settings, [first, second])).num_settled_before == 1
    assert await values(settings) == [b"2"]


async def test_the_later_of_two_redrives_shuts_the_earlier_out(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await set_aside(settings, b"1", b"2")
    ids = await open_ids(settings)

    async def read_and_be_overtaken(*arguments, **options):
        found = await read_letters(*arguments, **options)
        monkeypatch.setattr(redriving, "read_letters", read_letters)
        await redrive(settings, ids)
        return found

    monkeypatch.setattr(redriving, "read_letters", read_and_be_overtaken)
    with pytest.raises(DeadLetterError, match=r"shut this one out; .* run this command again"):
        await redrive(settings, ids)
    assert await values(settings) == [b"1", b"2"]


async def test_a_redrive_that_is_killed_is_gone_on_with(
    settings: Settings, environment: dict[str, str]
) -> None:
    wanted = [b"%d" % number for number in range(5)]
    await set_aside(settings, *wanted)
    ids = await open_ids(settings)
    killed = await run(sys.executable, "-c", KILLED_IN_ITS_SECOND_TRANSACTION, env=environment)
    assert killed.returncode == -signal.SIGKILL
    report = await redrive(settings, ids)
    assert (report.num_settled_before, report.num_settled) == (2, 3)
    assert await values(settings) == wanted


async def test_what_is_committed_behind_a_transaction_in_hand_is_read(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a marker there would be missed, and its letter sent again."""
    topic = settings.topics.dead_letters.name
    worker = new_producer(settings, f"{settings.topic_prefix}a-worker")
    await worker.start()
    await worker.begin_transaction()
    await worker.send_and_wait(topic, b"in hand", partition=0)
    await produce(settings, topic, [(None, b"behind")], partition=0)

    async def end_it(*arguments, reached=reading._has_reached):
        monkeypatch.setattr(reading, "_has_reached", reached)
        await worker.abort_transaction()
        await worker.stop()
        return await reached(*arguments)

    monkeypatch.setattr(reading, "_has_reached", end_it)
    assert [one.value for one in await standing(settings, topic)] == [b"behind"]


async def test_an_event_that_the_worker_refused_is_answered_once(
    settings: Settings, start: Start
) -> None:
    """Although a later event of its user was applied before, and although it is redriven again."""
    topics, ada = settings.topics, b"ada"
    await produce(settings, topics.items.name, [(b"i1", item(1))])
    await produce(settings, topics.user_preferences.name, [(ada, b"not a state")])
    start("agents", "ingest")
    worker = start("worker")
    await produce(settings, topics.interactions.name, [(ada, interaction(n)) for n in (1, 2)])
    await read_count(settings, topics.dead_letters.name, 2)
    # What mends the state; an erasure on interactions would keep the letters from going back.
    worker.stop()
    await produce(settings, topics.user_preferences.name, [(ada, None)])
    start("worker")
    await produce(settings, topics.interactions.name, [(ada, interaction(3))])
    await read_count(settings, topics.rankings.name, 1)

    refused = await open_ids(settings, Selection(error="UnreadableState", stage="worker"))
    assert (await redrive(settings, refused)).sent == {topics.interactions.name: 2}
    await read_count(settings, topics.rankings.name, 3)
    assert (await redrive(settings, refused)).sent == {}

    # A letter of an event that was applied all the same: ingest had passed it on twice.
    enriched = await read_until(
        settings, topics.interactions_enriched.name, lambda found: b'"e3"' in _all(found)
    )
    applied = next(one for one in enriched if b'"e3"' in (one.value or b""))
    letter = DeadLetter(applied.topic, applied.partition, 99, "worker", "InputError", "broke once")
    await produce(
        settings, topics.dead_letters.name, [(ada, applied.value)], headers=letter.headers()
    )
    assert (await redrive(settings, await open_ids(settings))).num_settled == 1

    await produce(settings, topics.interactions.name, [(ada, interaction(4))])
    rankings = await read_until(
        settings, topics.rankings.name, lambda found: b'"e4"' in _all(found)
    )
    answered = [decode(Ranking, one.value).trigger.event_id for one in rankings]
    assert answered == ["e3", "e1", "e2", "e4"]
    written = await read_until(
        settings, topics.user_preferences.name, lambda found: b'"e4"' in _all(found)
    )
    state = decode(UserPreference, written[-1].value)
    assert isinstance(state, UserPreference)
    assert (state.num_events, [seen.event_id for seen in state.recent]) == (4, answered)


def _all(records: list) -> bytes:
    return b"".join(one.value or b"" for one in records)


async def test_an_item_that_was_refused_is_not_put_before_a_newer_one(settings: Settings) -> None:
    topic = settings.topics.items.name
    await produce(settings, topic, [(b"i1", b"{not json"), (b"i1", item(1))])
    [old, _] = await standing(settings, topic)
    letter = DeadLetter(topic, old.partition, old.offset, "profile", "MalformedJson", "not JSON")
    dead_letters = settings.topics.dead_letters.name
    await produce(settings, dead_letters, [(b"i1", old.value)], headers=letter.headers())
    report = await redrive(settings, await open_ids(settings))
    assert (report.num_settled, len(report.left)) == (0, 1)
    assert "has a newer record" in report.left[0]
    assert (await standing(settings, topic))[-1].value == encode(item(1))


async def test_the_commands_from_the_list_to_the_last_letter(
    settings: Settings, environment: dict[str, str]
) -> None:
    await set_aside(settings, b'{"event_id": "e1"}', b"", b"3")

    async def dead_letters(*arguments: str, code: int = 0) -> str:
        done = await run(*command_line("dead-letters", *arguments), env=environment)
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    listed = [json.loads(line) for line in (await dead_letters("list", "--json")).splitlines()]
    first, empty, third = (one["id"] for one in listed)
    assert '"event_id": "e1"' in await dead_letters("show", first)
    assert "3 letters: 3 UnknownItem" in await dead_letters("list", "--topic", "interactions")
    assert "0 letters" in await dead_letters("list", "--until", "1h")
    assert "no open letter is like that" in await dead_letters("discard", "--error", "Else")
    # Nobody answers the question.
    await dead_letters("redrive", "--error", "UnknownItem", code=130)
    assert f"2 letters would be redriven, 2 to {settings.topics.interactions.name}" in (
        await dead_letters("redrive", "--error", "UnknownItem", "--dry-run")
    )
    said = await dead_letters("redrive", "--error", "UnknownItem", "--yes", code=1)
    assert f"left: {empty}: it is empty" in said
    assert "left as they are, for the reasons above: 1 letter;" in said
    assert "settled before: 2 letters" in await dead_letters("redrive", first, third)
    assert "1 letter discarded" in await dead_letters("discard", empty)
    assert [
        json.loads(line)["settled_as"]
        for line in (await dead_letters("list", "--all", "--json")).splitlines()
    ] == ["redriven", "discarded", "redriven"]
    assert await values(settings) == [b'{"event_id": "e1"}', b"3"]
