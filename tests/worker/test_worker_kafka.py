"""The worker as a process against a real broker: restarts, kills, company, and bad records."""

import os
import signal
from collections import Counter, defaultdict

import pytest
from aiokafka import ConsumerRecord
from aiokafka.partitioner import murmur2

from conftest import Start
from kafka_io import committed, produce, read_count, read_until
from models.preference import apply_event, new_preference, summary_request, with_summary
from models.profile import profile_items
from records import enriched, item, item_image
from schemas.codec import decode, encode
from schemas.dead_letter import DeadLetter
from schemas.enriched_interaction import EnrichedInteraction
from schemas.ranking import Ranking
from schemas.user_preference import UserPreference
from stream_app.config import Settings
from stream_app.kafka.producer import new_producer
from world import ENGINE

pytestmark = pytest.mark.kafka

ITEMS = [item(number) for number in range(30)]
USERS = [f"user-{number}" for number in range(12)]
Event = tuple[bytes, EnrichedInteraction]


def partition_of(user: str, num_partitions: int = 4) -> int:
    return (murmur2(user.encode()) & 0x7FFFFFFF) % num_partitions


def events(first: int, last: int) -> list[Event]:
    """Events `first` to `last`, each of the next user; offsets as a single source would give."""
    found = []
    for number in range(first, last):
        user = USERS[number % len(USERS)]
        one = enriched(
            number, ITEMS[number % 30], user=user, offset=number, partition=partition_of(user)
        )
        found.append((user.encode(), one))
    return found


def replayed(history: list[Event]) -> dict[str, UserPreference]:
    """The states that the same events give in order, without any broker."""
    profiles = {one.item_id: one for one in profile_items(ENGINE, [item_image(i) for i in ITEMS])}
    states: dict[str, UserPreference] = {}
    for _, one in history:
        event, user = one.interaction, one.interaction.user_id
        state = states.get(user) or new_preference(user, event.occurred_at, ENGINE.versions)
        state = apply_event(state, event, one.source, profiles[event.item_id])
        if (request := summary_request(state)) is not None:
            state = with_summary(state, ENGINE.summarise([request])[0], ENGINE.versions)
        states[user] = state
    return states


def rankings_by_event(records: list[ConsumerRecord]) -> dict[str, list[Ranking]]:
    found = defaultdict(list)
    for record in records:
        ranking = decode(Ranking, record.value)
        assert isinstance(ranking, Ranking)
        assert record.key.decode() == ranking.user_id
        found[ranking.trigger.event_id].append(ranking)
    return found


async def states(settings: Settings, num_events: int) -> dict[str, bytes]:
    """The newest state of each user, once these have applied `num_events` in all."""
    newest: dict[str, bytes] = {}

    def all_applied(records: list[ConsumerRecord]) -> bool:
        newest.update({record.key.decode(): record.value for record in records})
        decoded = [decode(UserPreference, value) for value in newest.values()]
        return sum(state.num_events for state in decoded) >= num_events

    await read_until(settings, settings.topics.user_preferences.name, all_applied)
    return newest


async def send_events(settings: Settings, history: list[Event]) -> None:
    await produce(settings, settings.topics.interactions_enriched.name, history)


async def all_ranked(settings: Settings, num_events: int) -> list[ConsumerRecord]:
    topic = settings.topics.rankings.name
    return await read_until(
        settings, topic, lambda records: len(rankings_by_event(records)) >= num_events
    )


async def test_every_event_gets_its_ranking_once_and_states_equal_a_replay(
    settings: Settings, start: Start
) -> None:
    history = events(0, 240)
    start("worker")
    await send_events(settings, history)
    records = await all_ranked(settings, 240)
    assert {len(found) for found in rankings_by_event(records).values()} == {1}
    expected = {user: encode(state) for user, state in replayed(history).items()}
    assert await states(settings, 240) == expected


async def test_a_restart_with_a_backlog_loses_nothing_and_repeats_nothing(
    settings: Settings, start: Start
) -> None:
    history = events(0, 600)
    worker = start("worker")
    await send_events(settings, history[:300])
    await read_count(settings, settings.topics.rankings.name, 100)
    worker.terminate()
    assert worker.wait(20) == 0
    await send_events(settings, history[300:])
    start("worker")
    records = await all_ranked(settings, 600)
    assert {len(found) for found in rankings_by_event(records).values()} == {1}
    expected = {user: encode(state) for user, state in replayed(history).items()}
    assert await states(settings, 600) == expected
    end = Counter(partition_of(key.decode()) for key, _ in history)
    await _until_committed(settings, dict(end))


async def _until_committed(settings: Settings, end: dict[int, int]) -> None:
    topic = settings.topics.interactions_enriched.name
    async with _deadline():
        while await committed(settings, "worker", topic) != end:
            pass


def _deadline():
    import asyncio

    return asyncio.timeout(20)


async def test_kill_9_in_the_middle_loses_no_event_and_applies_none_twice(
    settings: Settings, start: Start
) -> None:
    history = events(0, 800)
    worker = start("worker")
    await send_events(settings, history)
    for num_ranked in (100, 300, 500):
        await read_count(settings, settings.topics.rankings.name, num_ranked)
        worker.kill()
        worker = start("worker")
    records = await all_ranked(settings, 800)
    expected = {user: encode(state) for user, state in replayed(history).items()}
    assert await states(settings, 800) == expected
    assert {len(found) for found in rankings_by_event(records).values()} == {1}


async def test_a_worker_that_wakes_up_when_others_have_its_partitions_writes_nothing(
    settings: Settings, start: Start
) -> None:
    history = events(0, 900)
    zombie = start("worker")
    await send_events(settings, history[:600])
    await read_count(settings, settings.topics.rankings.name, 100)
    os.kill(zombie.pid, signal.SIGSTOP)
    start("worker")
    await all_ranked(settings, 600)
    os.kill(zombie.pid, signal.SIGCONT)
    await send_events(settings, history[600:])
    records = await all_ranked(settings, 900)
    assert {len(found) for found in rankings_by_event(records).values()} == {1}
    # Long enough for what it would wrongly take over anew.
    assert zombie.wait(settings.session_timeout_s + 2) is None
    assert {len(found) for found in rankings_by_event(records).values()} == {1}
    expected = {user: encode(state) for user, state in replayed(history).items()}
    assert await states(settings, 900) == expected


async def test_a_worker_that_is_fenced_and_still_the_owner_goes_on(
    settings: Settings, start: Start
) -> None:
    """As after a transaction that took too long: nothing is committed, nobody else is there."""
    history = events(0, 400)
    await send_events(settings, history)
    worker = start("worker")
    topic = settings.topics.interactions_enriched.name
    for num_ranked in (1, 150):
        await read_count(settings, settings.topics.rankings.name, num_ranked)
        for number in range(settings.partitions):
            fence = new_producer(settings, f"{settings.group('worker')}.{topic}-{number}")
            await fence.start()
            await fence.stop()
    records = await all_ranked(settings, 400)
    assert {len(found) for found in rankings_by_event(records).values()} == {1}
    expected = {user: encode(state) for user, state in replayed(history).items()}
    assert await states(settings, 400) == expected
    assert worker.is_running()


async def test_a_lost_store_is_rebuilt_from_the_topic(
    settings: Settings, start: Start, environment: dict[str, str]
) -> None:
    history = events(0, 240)
    worker = start("worker")
    await send_events(settings, history[:120])
    await all_ranked(settings, 120)
    worker.kill()
    environment["STREAM_APP_STATE_DIR"] += "-on-another-machine"
    start("worker")
    await send_events(settings, history[120:])
    await all_ranked(settings, 240)
    expected = {user: encode(state) for user, state in replayed(history).items()}
    assert await states(settings, 240) == expected


async def test_two_workers_share_four_partitions_and_one_takes_over(
    settings: Settings, start: Start
) -> None:
    history = events(0, 900)
    first, _ = start("worker"), start("worker")
    await send_events(settings, history[:300])
    await all_ranked(settings, 300)
    await send_events(settings, history[300:600])
    first.terminate()
    await all_ranked(settings, 600)
    start("worker")
    await send_events(settings, history[600:])
    await all_ranked(settings, 900)
    expected = {user: encode(state) for user, state in replayed(history).items()}
    assert await states(settings, 900) == expected


async def test_an_event_that_comes_twice_is_applied_once(settings: Settings, start: Start) -> None:
    history = events(0, 24)
    start("worker")
    await send_events(settings, history + history)
    await send_events(settings, events(24, 25))
    records = await all_ranked(settings, 25)
    assert len(records) == 25
    assert await states(settings, 25) == {
        user: encode(state) for user, state in replayed(events(0, 25)).items()
    }


async def test_bad_records_go_to_the_dead_letters_and_the_next_event_is_answered(
    settings: Settings, start: Start
) -> None:
    start("worker")
    user, one = events(0, 1)[0]
    topic = settings.topics.interactions_enriched.name
    bad = [
        (user, b"{not json"),
        (user, b"{}"),
        (user, encode(one).replace(b'"schema_version":1', b'"schema_version":9', 1)),
        (b"\xff\xfe", encode(one)),
        (None, encode(one)),
    ]
    await produce(settings, topic, bad)
    await send_events(settings, [(user, one)])
    await all_ranked(settings, 1)
    letters = await read_count(settings, settings.topics.dead_letters.name, len(bad))
    found = sorted(
        (DeadLetter.from_headers(letter.headers).error, letter.key, letter.value)
        for letter in letters
        if letter.key is not None
    )
    expected = ["MalformedJson", "InvalidRecord", "UnknownSchemaVersion", "KeyMismatch"]
    assert [error for error, *_ in found] == sorted(expected)
    assert {value for _, _, value in found} == {value for key, value in bad if key is not None}
    null_key = [letter for letter in letters if letter.key is None]
    assert [DeadLetter.from_headers(one.headers).error for one in null_key] == ["NullKey"]


async def test_erasing_a_user_forgets_everything_and_they_can_come_back(
    settings: Settings, start: Start
) -> None:
    start("worker")
    user, one = events(0, 1)[0]
    later = enriched(50, ITEMS[5], user=user.decode(), offset=50, partition=one.source.partition)
    topic = settings.topics.interactions_enriched.name
    await produce(settings, topic, [(user, one), (user, None), (user, later)])
    await all_ranked(settings, 2)
    written = await read_count(settings, settings.topics.user_preferences.name, 3)
    assert [record.value is None for record in written] == [False, True, False]
    state = decode(UserPreference, written[-1].value)
    assert isinstance(state, UserPreference)
    assert (state.num_events, [seen.item_id for seen in state.recent]) == (1, ["i5"])


async def test_items_are_profiled_once_and_deleted_ones_are_not_recommended(
    settings: Settings, start: Start
) -> None:
    start("worker")
    images = [(one.item_id.encode(), item_image(one)) for one in ITEMS]
    topic = settings.topics.item_images.name
    await produce(settings, topic, images)
    await read_count(settings, settings.topics.item_profiles.name, 30)
    await produce(
        settings, topic, [*images, (b"i7", None), (b"i0", item_image(item(0, price=3.0)))]
    )
    profiles = await read_count(settings, settings.topics.item_profiles.name, 32)
    written = Counter((one.key, one.value is None) for one in profiles)
    once = {(one.item_id.encode(), False): 1 for one in ITEMS}
    assert written == once | {(b"i0", False): 2, (b"i7", True): 1}
    await send_events(settings, events(1, 2))
    (record,) = await all_ranked(settings, 1)
    ranking = decode(Ranking, record.value)
    assert isinstance(ranking, Ranking)
    assert len(ranking.candidates) == settings.num_candidates
    assert "i7" not in {one.item_id for one in ranking.candidates}
