"""Signals as a process against a real broker: each event counts once, whatever happens to it."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import Self

import pytest
from aiokafka import ConsumerRecord

from conftest import Start
from kafka_io import committed, produce, read_count, read_until
from models.signals.decay import Decay
from models.signals.learner import Learner
from models.signals.signals import Signals
from records import EPOCH, enriched, interaction, item, item_image
from schemas.codec import decode, encode
from schemas.interaction import Interaction
from schemas.item_signals import ItemSignals
from schemas.ranking import Ranking
from schemas.user_signals import UserSignals
from stream_app.config import Settings
from stream_app.kafka.compacted import TopicView
from stream_app.signals.counting import count
from stream_app.worker.signals_feed import SignalsFeed

pytestmark = pytest.mark.kafka

USERS = [f"user-{number}" for number in range(24)]
DEADLINE_S = 60.0
Event = tuple[bytes, Interaction]
Newest = dict[tuple[int, bytes], bytes | None]


def events(first: int, last: int) -> list[Event]:
    """Likes, each of the next user, each user on a way of their own through forty items."""
    found = []
    for number in range(first, last):
        user = USERS[number % len(USERS)]
        item_id = f"i{(number * 7 + number // len(USERS)) % 40}"
        found.append((user.encode(), interaction(number, user=user, item=item_id, kind="like")))
    return found


async def send(settings: Settings, history: Iterable[tuple[bytes | None, object]]) -> None:
    await produce(settings, settings.topics.interactions.name, history)


async def counted(settings: Settings, num_records: int) -> list[ConsumerRecord]:
    """Return what was sent, once all of it is committed."""
    topic = settings.topics.interactions.name
    sent = await read_count(settings, topic, num_records)
    ends = {p: max(o) + 1 for p, o in by_partition(sent, lambda one: one.offset).items()}
    async with asyncio.timeout(DEADLINE_S):
        while await committed(settings, "signals", topic) != ends:
            pass
    return sent


def by_partition(records: Iterable[ConsumerRecord], what=lambda one: one) -> dict[int, list]:
    found = defaultdict(list)
    for record in records:
        found[record.partition].append(what(record))
    return found


async def newest(settings: Settings, topic: str, expected: Newest) -> Newest:
    """Return the newest value of each key of each partition, once it is as expected or late."""
    found: Newest = {}

    def is_there(records: list[ConsumerRecord]) -> bool:
        found.update({(one.partition, one.key): one.value for one in records})
        return found.keys() >= expected.keys() and found == expected

    await read_until(settings, topic, is_there)
    return found


async def assert_each_event_counted_once(settings: Settings, num_records: int) -> None:
    """Compare users and items, byte by byte, with a count of what lies on the topic."""
    sent = await counted(settings, num_records)
    users, items = {}, {}
    for number, records in by_partition(sent).items():
        learner = Learner(Decay())
        count(learner, sorted(records, key=lambda one: one.offset))
        users |= {(number, one.encode()): encode(user) for one, user in learner.users.items()}
        items |= {(number, one.encode()): encode(of) for one, of in learner.items.items()}
    await newest(settings, settings.topics.signal_users.name, users)
    await newest(settings, settings.topics.item_signals.name, items)
    assert_sums(sent, [decode(ItemSignals, value) for value in items.values()])


def assert_sums(sent: list[ConsumerRecord], partials: list[ItemSignals]) -> None:
    """Compare with the definition: likes of an item, and steps from one item to the next.

    All within some minutes, of which a half-life of seven days takes next to nothing.
    """
    likes, steps, seen = Counter(), Counter(), set()
    ways: defaultdict[str, list[str]] = defaultdict(list)
    for record in sorted(sent, key=lambda one: (one.partition, one.offset)):
        event = decode(Interaction, record.value)
        assert isinstance(event, Interaction)
        if event.event_id not in seen:
            seen.add(event.event_id)
            likes[event.item_id] += 1
            ways[event.user_id].append(event.item_id)
    for way in ways.values():
        steps.update(pairwise(way))
    popularity, transitions = Counter(), Counter()
    for one in partials:
        popularity[one.item_id] += one.popularity
        for other, weight in one.transitions.items():
            transitions[one.item_id, other] += weight
    assert popularity == pytest.approx(likes, rel=0.01)
    assert transitions == pytest.approx(steps, rel=0.01)


async def test_kill_9_in_the_middle_counts_every_event_once(
    settings: Settings, start: Start
) -> None:
    await send(settings, events(0, 10_000))
    num_written = 0
    for _ in range(3):
        signals = start("signals")
        written = await read_count(settings, settings.topics.item_signals.name, num_written + 1)
        num_written = len(written)
        signals.kill()
    far = await committed(settings, "signals", settings.topics.interactions.name)
    assert 0 < sum(far.values()) < 10_000
    start("signals")
    # Sent again, as a sender does who got no answer: each is among its user's newest 16.
    await send(settings, events(9900, 10_000))
    await assert_each_event_counted_once(settings, 10_100)


async def test_a_second_process_takes_its_share_and_a_lost_disk_is_rebuilt(
    settings: Settings, start: Start, environment: dict[str, str]
) -> None:
    first = start("signals")
    await send(settings, events(0, 600))
    await counted(settings, 600)
    start("signals")
    await send(settings, events(600, 1200))
    await counted(settings, 1200)
    first.terminate()
    assert first.wait(20) == 0
    environment["STREAM_APP_STATE_DIR"] += "-on-another-machine"
    start("signals")
    await send(settings, events(1200, 1800))
    await assert_each_event_counted_once(settings, 1800)


async def test_an_erased_user_leaves_no_trace_but_sums_and_bad_records_cost_nothing(
    settings: Settings, start: Start
) -> None:
    start("signals")
    before = [interaction(1, item="i1"), interaction(2, item="i2")]
    after = interaction(3, item="i3")
    bad = [(b"ada", b"{not json"), (b"bob", encode(after)), (None, b"{}"), (b"\xff", None)]
    ada = b"ada"
    await send(settings, [*((ada, one) for one in before), *bad, (ada, None), (ada, after)])
    topic = settings.topics.signal_users.name
    written = await read_until(
        settings, topic, lambda found: bool(found) and b'"i3"' in (found[-1].value or b"")
    )
    assert {one.key for one in written} == {ada}
    user = decode(UserSignals, written[-1].value)
    assert isinstance(user, UserSignals)
    assert ([one.item_id for one in user.recent], user.event_ids) == (["i3"], ("e3",))
    items = await read_count(settings, settings.topics.item_signals.name, 3)
    partials = {one.key: decode(ItemSignals, one.value) for one in items}
    assert partials[b"i1"].transitions.keys() == {"i2"}
    assert partials[b"i2"].transitions == partials[b"i3"].transitions == {}


async def test_a_user_who_is_erased_alone_gets_a_tombstone(
    settings: Settings, start: Start
) -> None:
    start("signals")
    await send(settings, [(b"ada", interaction(1))])
    topic = settings.topics.signal_users.name
    await read_count(settings, topic, 1)
    await send(settings, [(b"ada", None)])
    assert [one.value is None for one in await read_count(settings, topic, 2)] == [False, True]


class Follower:
    """Follows the topic as every worker does."""

    def __init__(self, settings: Settings) -> None:
        self.signals = Signals(Decay())
        self._feed = SignalsFeed(self.signals)
        self._has_come = asyncio.Event()
        self._view = TopicView(settings, settings.topics.item_signals.name, self._add)

    def _add(self, record: ConsumerRecord) -> None:
        self._feed.add(record)
        self._has_come.set()

    async def __aenter__(self) -> Self:
        await self._view.start()
        self._following = asyncio.create_task(self._view.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._following.cancel()
        await self._view.stop()

    async def until_leads(self, item_id: str) -> None:
        """Wait until most go on from i1 to an item."""
        async with asyncio.timeout(DEADLINE_S):
            while [one for one, _ in self.signals.neighbours("i1", 1, EPOCH)] != [item_id]:
                await self._has_come.wait()
                self._has_come.clear()
                self._feed.apply()


async def test_a_trend_is_in_the_views_as_it_happens(settings: Settings, start: Start) -> None:
    start("signals")
    numbers = iter(range(1000))

    def walk(user: str, *items: str) -> list[Event]:
        return [
            (user.encode(), interaction(next(numbers), user=user, item=one, kind="like"))
            for one in items
        ]

    async with Follower(settings) as view:
        for user in USERS[:6]:
            await send(settings, walk(user, "i1", "i2"))
        await view.until_leads("i2")
        # By the users of all partitions: none of them has seen eight.
        for user in USERS[6:14]:
            await send(settings, walk(user, "i1", "i3"))
        await view.until_leads("i3")


async def test_a_worker_recommends_what_others_went_on_to(settings: Settings, start: Start) -> None:
    start("worker")
    start("signals")
    topics = settings.topics
    images = [(f"i{number}".encode(), item_image(item(number))) for number in range(60)]
    await produce(settings, topics.item_images.name, images)
    await read_count(settings, topics.item_profiles.name, 60)
    walks = [(user, one) for user in USERS for one in ("i1", "i50")]
    crowd = [
        (user.encode(), interaction(number, user=user, item=one, kind="like"))
        for number, (user, one) in enumerate(walks)
    ]
    await send(settings, crowd)
    sources: list[str] = []
    async with asyncio.timeout(DEADLINE_S):
        number = 0
        # A user of its own each time: the view may be a moment behind.
        while "transitions" not in sources:
            number += 1
            asking = enriched(number, item(1), user=f"asking-{number}", offset=number)
            key = asking.interaction.user_id.encode()
            await produce(settings, topics.interactions_enriched.name, [(key, asking)])
            record = (await read_count(settings, topics.rankings.name, number))[-1]
            ranking = decode(Ranking, record.value)
            sources = [
                source
                for candidate in ranking.candidates
                if candidate.item_id == "i50"
                for source in candidate.sources
            ]
    assert "popular" in sources
