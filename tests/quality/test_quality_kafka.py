"""Quality as a process against a real broker: each list and each interaction counts once."""

import asyncio
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from aiokafka import ConsumerRecord, TopicPartition

from conftest import Start
from kafka_io import committed, produce, read_count, read_until
from schemas.codec import decode, encode
from schemas.interaction import Interaction
from schemas.list_outcome import ListOutcome
from schemas.recommendation import Recommendation
from stream_app.config import Settings
from stream_app.kafka.reading import read_to_end
from stream_app.partitions.observing import observe
from stream_app.quality.judge import Judge, remembered
from stream_app.quality.tally import added_up
from stream_app.supervise import command_line
from tests.quality.steps import Done, Listed, recommendation

pytestmark = pytest.mark.kafka

DEADLINE_S = 60.0
USERS = [f"user-{number}" for number in range(60)]
ROUND = timedelta(minutes=1)
SOURCES = [("recent",), ("popular",), ("recent", "popular")]
Newest = dict[tuple[int, bytes], bytes | None]


class Shop:
    """Users who do something in every round, each with a list that answers it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # Hours ago, so that no retention deletes them and no record is of the future.
        self._begin = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
        self._num_rounds = 0
        self.num_events = 0

    async def open(self, num_rounds: int, users: Sequence[str] = USERS) -> None:
        """Write the next rounds, all events before all lists: nobody may judge them meanwhile."""
        topics = self._settings.topics
        for number in range(self._num_rounds, self._num_rounds + num_rounds):
            at = self._begin + number * ROUND
            events = [(user.encode(), self._event(user, number, at)) for user in users]
            at_ms = int(at.timestamp() * 1000)
            await produce(self._settings, topics.interactions.name, events, timestamp_ms=at_ms)
            self.num_events += len(events)
        self._num_rounds += num_rounds
        sent = await read_count(self._settings, topics.interactions.name, self.num_events)
        newest = [one for one in sent if one.timestamp >= self._first_ms(num_rounds)]
        lists = [(one.key, self._answer(one)) for one in newest]
        await produce(self._settings, topics.recommendations.name, lists)

    async def go_on(self) -> None:
        """Write two rounds more, each after the lists of the one before."""
        await self.open(1)
        await self.open(1)

    def _first_ms(self, num_rounds: int) -> int:
        first = self._begin + (self._num_rounds - num_rounds) * ROUND
        return int(first.timestamp() * 1000)

    def _event(self, user: str, number: int, at: datetime) -> Interaction:
        # Every third user takes what the lists have, first or fifth; one is against it.
        place = USERS.index(user)
        item = f"i{(place * 7 + number) % 5}" if place % 3 == 0 else f"other-{number}"
        kind = "dislike" if place == 3 else "like"
        return Interaction(
            event_id=f"{user}-{number}", user_id=user, item_id=item, kind=kind, occurred_at=at
        )

    def _answer(self, record: ConsumerRecord) -> Recommendation:
        event = decode(Interaction, record.value)
        assert isinstance(event, Interaction)
        done = Done(record.offset, event.item_id, event.user_id, event.kind, event.occurred_at)
        items = [(f"i{(record.offset + k) % 5}", SOURCES[k % 3]) for k in range(5)]
        adapter = "style" if USERS.index(event.user_id) % 2 else None
        return recommendation(Listed(done, items, adapter=adapter), record.partition)


async def judged(settings: Settings) -> dict[int, Judge]:
    """Wait until the process is at the topics' ends; judge both topics, each list at its event."""
    topics = settings.topics
    events = await everything(settings, topics.interactions.name)
    lists: dict[tuple[int, int], Recommendation] = {}
    answers: list[ConsumerRecord] = []
    for one in await everything(settings, topics.recommendations.name):
        found = decode(Recommendation, one.value or b"")
        if isinstance(found, Recommendation):
            lists[one.partition, found.trigger.source.offset] = found
            answers.append(one)
    for records in (events, answers):
        ends: dict[int, int] = {}
        for one in records:
            ends[one.partition] = max(ends.get(one.partition, 0), one.offset + 1)
        async with asyncio.timeout(DEADLINE_S):
            while await committed(settings, "quality", records[0].topic) != ends:
                pass
    judges: defaultdict[int, Judge] = defaultdict(Judge)
    for one in sorted(events, key=lambda event: event.offset):
        observe(judges[one.partition], one)
        if answer := lists.get((one.partition, one.offset)):
            judges[one.partition].remember(answer.user_id, remembered(answer))
    return judges


async def everything(settings: Settings, topic: str) -> list[ConsumerRecord]:
    return [record async for record in read_to_end(settings, topic)]


async def newest(settings: Settings, topic: str, expected: Newest) -> Newest:
    """Return the newest value of each key of each partition, once it is as expected or late."""
    found: Newest = {}

    def is_there(records: Iterable[ConsumerRecord]) -> bool:
        found.update({(one.partition, one.key): one.value for one in records})
        return found == expected

    await read_until(settings, topic, is_there)
    return found


async def assert_each_counted_once(settings: Settings) -> dict[int, Judge]:
    """Compare users, counts and outcomes, byte by byte, with what lies on the topics."""
    judges, topics = await judged(settings), settings.topics
    for topic, kept in (
        (topics.list_users.name, lambda judge: judge.users),
        (topics.list_quality.name, lambda judge: judge.tally.counts),
    ):
        expected = {
            (number, key.encode()): None if one is None else encode(one)
            for number, judge in judges.items()
            for key, one in kept(judge).items()
        }
        await newest(settings, topic, expected)
    outcomes: defaultdict[int, list[bytes]] = defaultdict(list)
    for record in await everything(settings, topics.list_outcomes.name):
        outcomes[record.partition].append(record.value)
    told = {n: [encode(one) for one in judge.outcomes] for n, judge in judges.items()}
    assert dict(outcomes) == {number: values for number, values in told.items() if values}
    return judges


async def test_kill_9_in_the_middle_counts_every_list_once(
    settings: Settings, start: Start, environment: dict[str, str]
) -> None:
    shop = Shop(settings)
    await shop.open(40)
    num_written = 0
    for _ in range(3):
        process = start("quality")
        written = await read_count(settings, settings.topics.list_outcomes.name, num_written + 1)
        num_written = len(written)
        process.kill()
    far = await committed(settings, "quality", settings.topics.interactions.name)
    assert 0 < sum(far.values()) < shop.num_events
    first = start("quality")
    await assert_each_counted_once(settings)

    # A second process takes its share, and what the first had is rebuilt on another machine.
    environment["STREAM_APP_STATE_DIR"] += "-on-another-machine"
    start("quality")
    await shop.go_on()
    await assert_each_counted_once(settings)
    first.terminate()
    assert first.wait(20) == 0
    await shop.go_on()
    judges = await assert_each_counted_once(settings)

    counts = [one for judge in judges.values() for one in judge.tally.counts.values() if one]
    shown = {one["part"]: one for one in show(environment)}
    expected = added_up(counts)
    assert {part: one["lists"] for part, one in shown.items()} == {
        part: one.lists for part, one in expected.items()
    }
    # All but each user's last one were there when the user next did something.
    assert shown["all"]["lists"] == shop.num_events - len(USERS)
    best = expected["all"].best
    assert shown["all"]["hit_rate"]["3"]["value"] == sum(best[:3]) / shown["all"]["lists"] > 0


def show(environment: dict[str, str]) -> list[dict]:
    done = subprocess.run(
        command_line("quality", "show", "--json"), env=environment, capture_output=True, check=True
    )
    return [orjson.loads(line) for line in done.stdout.splitlines()]


async def test_an_erased_user_leaves_no_trace_and_bad_records_cost_nothing(
    settings: Settings, start: Start
) -> None:
    topics = settings.topics
    shop = Shop(settings)
    await shop.open(2, USERS[:3])
    bad = [(b"user-0", b"{not json"), (b"user-1", None), (b"\xff", b"{}")]
    await produce(settings, topics.recommendations.name, bad)
    start("quality")
    await assert_each_counted_once(settings)
    await produce(settings, topics.interactions.name, [(b"user-0", None)])
    erased = await read_until(
        settings, topics.list_users.name, lambda found: any(one.value is None for one in found)
    )
    assert {one.key for one in erased if one.value is None} == {b"user-0"}


async def test_what_is_done_is_attributed_as_it_happens(settings: Settings, start: Start) -> None:
    start("quality")
    topics, now = settings.topics, datetime.now(UTC) - timedelta(minutes=1)

    async def do(number: int, item: str, partition: int | None = None) -> ConsumerRecord:
        event = Interaction(
            event_id=f"e{number}",
            user_id="ada",
            item_id=item,
            kind="click",
            occurred_at=now + number * timedelta(seconds=1),
        )
        await produce(settings, topics.interactions.name, [(b"ada", event)])
        return (await read_count(settings, topics.interactions.name, number))[-1]

    first = await do(1, "x")
    done = Done(first.offset, "x", at=now + timedelta(seconds=1))
    answer = recommendation(
        Listed(done, [("a", ("recent",)), ("b", ("popular",))]), first.partition
    )
    await produce(settings, topics.recommendations.name, [(b"ada", answer)])
    await do(2, "b")
    written = await read_count(settings, topics.list_outcomes.name, 2)
    shown, taken = (decode(ListOutcome, one.value) for one in written)
    assert (shown.kind, shown.num_items) == ("shown", 2)
    assert (taken.kind, taken.item_id, taken.rank, taken.sources) == (
        "click",
        "b",
        2,
        ("popular",),
    )
    assert {TopicPartition(one.topic, one.partition) for one in written} == {
        TopicPartition(topics.list_outcomes.name, first.partition)
    }
