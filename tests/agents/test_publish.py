from datetime import UTC, datetime

import pytest
from aiokafka import AIOKafkaProducer

from kafka_io import committed, produce, read_count
from schemas.codec import decode, encode
from schemas.ranking import CitedItem, RankedCandidate, Ranking, Trigger
from schemas.recommendation import Recommendation
from schemas.versions import Versions
from tests.agents.harness import agent, read_dead_letters, stop
from tests.records import EPOCH, item, source

pytestmark = pytest.mark.kafka


def candidate(number: int, *cites: CitedItem, **fields) -> RankedCandidate:
    score = 1 - number / 100
    defaults = {
        "title": f"Item {number}",
        "score": score,
        "prior": score,
        "sources": {"newest": 1.0},
    }
    return RankedCandidate(item_id=f"i{number}", cites=cites, **{**defaults, **fields})


def ranking(ranking_id: str, *candidates: RankedCandidate) -> Ranking:
    trigger = Trigger(
        event_id="e1",
        item_id="i9",
        title="Item 9",
        kind="click",
        occurred_at=EPOCH,
        source=source(7),
    )
    return Ranking(
        ranking_id=ranking_id,
        user_id="ada",
        trigger=trigger,
        summary="likes blue",
        previous_summary="likes red",
        candidates=candidates,
        versions=Versions(model="m", prompt="p"),
        degraded=("model late",),
    )


async def produce_items(settings, *items) -> None:
    await produce(
        settings, settings.topics.items.name, [(i.item_id.encode(), encode(i)) for i in items]
    )


async def test_a_ranking_becomes_a_list_with_reasons(settings, environment):
    await produce_items(settings, item(1), item(2, available=False), item(4))
    await produce(settings, settings.topics.items.name, [(b"i5", encode(item(5))), (b"i5", None)])
    liked = CitedItem(item_id="i9", title="Item 9", kind="like", similarity=0.9, shared=("odd",))
    scored = ranking(
        "r1", *(candidate(n) for n in (2, 3)), candidate(1, liked), candidate(5), candidate(4)
    )
    await produce(settings, settings.topics.rankings.name, [(b"ada", encode(scored))])
    with agent("publish", environment) as process:
        [record] = await read_count(settings, settings.topics.recommendations.name, 1)
        assert stop(process) == 0
    found = decode(Recommendation, record.value)
    assert record.key == b"ada"
    assert [(i.rank, i.item_id, i.reason, i.evidence) for i in found.items] == [
        (1, "i1", "Because you liked Item 9: odd in both.", ("i9",)),
        (2, "i4", "New in the shop.", ()),
    ]
    assert found.items[0].sources == ("newest",)
    assert found.recommendation_id == "r1"
    passed_on = ("user_id", "trigger", "summary", "previous_summary", "versions", "degraded")
    assert all(getattr(found, name) == getattr(scored, name) for name in passed_on)
    assert abs(datetime.now(UTC) - found.published_at).total_seconds() < 600


async def test_an_empty_list_is_published_and_says_why(settings, environment):
    await produce(
        settings, settings.topics.rankings.name, [(b"ada", encode(ranking("r1", candidate(1))))]
    )
    with agent("publish", environment):
        [record] = await read_count(settings, settings.topics.recommendations.name, 1)
    found = decode(Recommendation, record.value)
    assert found.items == ()
    assert found.degraded == ("model late", "no candidate is available")


async def test_a_share_of_the_lists_is_explored_as_it_is_set(settings, environment):
    await produce_items(settings, item(1), item(4))
    scored = ranking("r1", candidate(1), candidate(2), candidate(4))
    known = scored.model_copy(update={"num_events": 3})
    await produce(settings, settings.topics.rankings.name, [(b"ada", encode(known))])
    with agent("publish", {**environment, "STREAM_APP_EXPLORATION": "0.5"}):
        [record] = await read_count(settings, settings.topics.recommendations.name, 1)
    found = decode(Recommendation, record.value)
    assert found.exploration.share == 0.5
    # What is unavailable could not have been shown by anybody.
    assert [one.item_id for one in found.exploration.candidates] == ["i1", "i4"]
    assert {one.propensity for one in found.items} <= {0.75, 0.25}


async def test_bad_rankings_are_set_aside(settings, environment):
    good = encode(ranking("r2"))
    records = [(b"ada", None), (b"bob", good), (b"ada", b"[]"), (b"ada", good)]
    await produce(settings, settings.topics.rankings.name, records)
    with agent("publish", environment):
        letters = await read_dead_letters(settings, 3)
        [record] = await read_count(settings, settings.topics.recommendations.name, 1)
    assert decode(Recommendation, record.value).recommendation_id == "r2"
    assert set(letters) == {"NullValue", "KeyMismatch", "InvalidRecord"}


async def test_what_the_worker_took_back_is_not_published(settings, environment):
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        transactional_id=f"{settings.topic_prefix}worker",
    )
    await producer.start()
    topic = settings.topics.rankings.name
    with agent("publish", environment) as process:
        for ranking_id in ("r1", "aborted", "r2"):
            await producer.begin_transaction()
            await producer.send_and_wait(topic, encode(ranking(ranking_id)), b"ada")
            if ranking_id == "aborted":
                await producer.abort_transaction()
            else:
                await producer.commit_transaction()
        records = await read_count(settings, settings.topics.recommendations.name, 2)
        assert stop(process) == 0
        # Markers take offsets: the commit must not stay behind them.
        await produce(settings, topic, [(b"ada", encode(ranking("r3")))])
    with agent("publish", environment):
        records = await read_count(settings, settings.topics.recommendations.name, 3)
    await producer.stop()
    ids = [decode(Recommendation, record.value).recommendation_id for record in records]
    assert ids == ["r1", "r2", "r3"]


async def test_what_has_been_published_from_many_transactions_is_committed(settings, environment):
    topic, number = settings.topics.rankings.name, 60
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        transactional_id=f"{settings.topic_prefix}worker",
    )
    await producer.start()
    with agent("publish", environment) as process:
        for each in range(number):
            async with producer.transaction():
                sent = await producer.send_and_wait(topic, encode(ranking(f"r{each}")), b"ada")
        await read_count(settings, settings.topics.recommendations.name, number)
        assert stop(process) == 0
    await producer.stop()
    # Each transaction leaves a hole: what was committed to one of them was published again.
    found = await committed(settings, "publish", topic)
    assert found[sent.partition] > sent.offset
