import pytest

from kafka_io import produce, read_count, read_until
from schemas.codec import decode, encode
from schemas.dead_letter import DeadLetter
from schemas.enriched_interaction import EnrichedInteraction
from schemas.interaction import Interaction
from schemas.item import ImageLocation
from schemas.item_profile import ItemProfile
from schemas.versions import Versions
from tests.agents.harness import agent, read_dead_letters, stop
from tests.agents.pictures import bomb, plain
from tests.records import interaction, item

pytestmark = pytest.mark.kafka


def keyed(event: Interaction) -> tuple[bytes, bytes]:
    return event.user_id.encode(), encode(event)


def enriched(records) -> list[EnrichedInteraction]:
    return [decode(EnrichedInteraction, record.value) for record in records if record.value]


def has(event_id: str):
    return lambda records: any(e.interaction.event_id == event_id for e in enriched(records))


async def produce_items(settings, *items) -> None:
    await produce(
        settings, settings.topics.items.name, [(i.item_id.encode(), encode(i)) for i in items]
    )


def pictured(number: int, settings, key: str = "a.jpg"):
    return item(number, image=ImageLocation(bucket=settings.buckets[0], key=key))


async def test_an_event_is_passed_on_with_its_item_and_its_picture(settings, environment, put):
    etag = put("a.jpg", plain())
    shown = pictured(1, settings)
    await produce_items(settings, shown)
    await produce(settings, settings.topics.interactions.name, [keyed(interaction(0))])
    [source] = await read_count(settings, settings.topics.interactions.name, 1)
    with agent("ingest", environment) as process:
        [record] = await read_count(settings, settings.topics.interactions_enriched.name, 1)
        assert stop(process) == 0
    [event] = enriched([record])
    assert record.key == b"ada"
    assert event.interaction == interaction(0)
    assert event.item == shown
    assert (event.image.width, event.image.height, event.image.etag) == (256, 192, etag)
    assert event.degraded is None
    assert (event.source.partition, event.source.offset) == (source.partition, source.offset)
    assert event.source.timestamp.timestamp() == source.timestamp / 1000


async def test_an_item_that_has_a_profile_needs_no_picture(settings, environment, put):
    put("a.jpg", plain())
    await produce_items(settings, pictured(1, settings))
    profile = ItemProfile(
        item_id="i1",
        title="T",
        summary="S",
        embedding=b"12",
        source_hash="h",
        versions=Versions(model="m", prompt="p"),
    )
    await produce(settings, settings.topics.item_profiles.name, [(b"i1", encode(profile))])
    await produce(settings, settings.topics.interactions.name, [keyed(interaction(0))])
    with agent("ingest", environment):
        topic = settings.topics.interactions_enriched.name
        [event] = enriched(await read_count(settings, topic, 1))
    assert (event.image, event.degraded) == (None, None)


async def test_an_item_written_after_the_start_is_known(settings, environment):
    interactions = settings.topics.interactions.name
    await produce_items(settings, item(1))
    await produce(settings, interactions, [keyed(interaction(0))])
    with agent("ingest", environment):
        await read_count(settings, settings.topics.interactions_enriched.name, 1)
        for number in range(2, 8):
            await produce_items(settings, item(number))
            await produce(settings, interactions, [keyed(interaction(number, item=f"i{number}"))])
        events = enriched(await read_count(settings, settings.topics.interactions_enriched.name, 7))
    assert [event.item.item_id for event in events] == [f"i{n}" for n in range(1, 8)]


async def test_one_bad_record_costs_one_record(settings, environment):
    await produce_items(settings, item(1))
    await produce(settings, settings.topics.items.name, [(b"broken", b"{}")])
    good = encode(interaction(0))
    bad = {
        "MalformedJson": (b"ada", b'{"event_id": '),
        "InvalidRecord": (b"ada", good.replace(b'"click"', b"17")),
        "UnknownSchemaVersion": (
            b"ada",
            good.replace(b'"schema_version":1', b'"schema_version":9'),
        ),
        "UnknownItem": (b"ada", encode(interaction(0, item="nowhere"))),
        "UnreadableItem": (b"ada", encode(interaction(0, item="broken"))),
        "NullKey": (None, good),
        "KeyMismatch": (b"bob", good),
        "InvalidKey": (b"\xff\xfe", None),
    }
    interactions = settings.topics.interactions.name
    for number, record in enumerate(bad.values(), start=1):
        headers = [("trace", b"t1")]
        await produce(settings, interactions, [record], headers=headers)
        await produce(settings, interactions, [keyed(interaction(number))])
    with agent("ingest", environment) as process:
        letters = await read_dead_letters(settings, len(bad))
        target = settings.topics.interactions_enriched.name
        events = enriched(await read_count(settings, target, len(bad)))
        assert process.poll() is None
    assert [event.interaction.event_id for event in events] == [f"e{n}" for n in range(1, 9)]
    assert {error: (record.key, record.value) for error, record in letters.items()} == bad
    for record in letters.values():
        letter = DeadLetter.from_headers(record.headers)
        assert (letter.topic, letter.stage) == (interactions, "ingest")
        assert ("trace", b"t1") in record.headers
        assert letter.message


async def test_a_picture_that_can_not_be_had_degrades_its_event_alone(settings, environment, put):
    put("text", b"not a picture " * 100)
    put("bomb", bomb(60_000, 60_000))
    put("huge", b"\0" * (50 * 1024 * 1024))
    elsewhere = ImageLocation(bucket="elsewhere", key="a.jpg")
    await produce_items(
        settings,
        pictured(1, settings, key="missing"),
        pictured(2, settings, key="text"),
        pictured(3, settings, key="bomb"),
        pictured(4, settings, key="huge"),
        item(5, image=elsewhere),
        item(6),
    )
    events = [keyed(interaction(n, item=f"i{n}")) for n in range(1, 7)]
    await produce(settings, settings.topics.interactions.name, events)
    with agent("ingest", environment):
        found = enriched(await read_count(settings, settings.topics.interactions_enriched.name, 6))
    reasons = [event.degraded and event.degraded.split(":")[0] for event in found]
    expected = [
        "MissingObject", "UnsupportedFormat", "TooManyPixels", "TooManyBytes", "BucketNotAllowed",
        None,
    ]  # fmt: skip
    assert reasons == expected
    assert all(event.image is None for event in found)


async def test_storage_that_is_down_degrades_and_blocks_nobody(settings, environment):
    await produce_items(settings, pictured(1, settings))
    events = [keyed(interaction(n)) for n in range(5)]
    await produce(settings, settings.topics.interactions.name, events)
    with agent("ingest", {**environment, "S3_ENDPOINT": "127.0.0.1:1"}):
        found = enriched(await read_count(settings, settings.topics.interactions_enriched.name, 5))
    assert all(event.degraded.startswith("StorageUnavailable") for event in found)


async def test_erasing_a_user_is_passed_on_in_order(settings, environment):
    await produce_items(settings, item(1))
    events = [keyed(interaction(1)), (b"ada", None), keyed(interaction(2))]
    await produce(settings, settings.topics.interactions.name, events)
    with agent("ingest", environment):
        records = await read_count(settings, settings.topics.interactions_enriched.name, 3)
    assert [record.key for record in records] == [b"ada"] * 3
    assert [record.value is None for record in records] == [False, True, False]


@pytest.mark.parametrize("how", ["terminate", "kill"])
async def test_a_restart_with_a_backlog_loses_nothing(settings, environment, how):
    await produce_items(settings, item(1))
    events = [interaction(n, user=f"u{n % 23}") for n in range(1600)]
    interactions, target = (
        settings.topics.interactions.name,
        settings.topics.interactions_enriched.name,
    )
    await produce(settings, interactions, map(keyed, events[:1500]))
    with agent("ingest", environment) as process:
        await read_count(settings, target, 50)
        getattr(process, how)()
        assert process.wait(30) == (0 if how == "terminate" else -9)
    await produce(settings, interactions, map(keyed, events[1500:]))
    wanted = {event.event_id for event in events}
    with agent("ingest", environment) as process:
        records = await read_until(
            settings,
            target,
            lambda found: (
                len(found) >= 1600 and {e.interaction.event_id for e in enriched(found)} == wanted
            ),
        )
        assert stop(process) == 0
    sources: dict[str, set[tuple[int, int]]] = {}
    for event in enriched(records):
        position = (event.source.partition, event.source.offset)
        sources.setdefault(event.interaction.event_id, set()).add(position)
    assert all(len(positions) == 1 for positions in sources.values())


async def test_agents_that_join_and_leave_lose_nothing(settings, environment):
    await produce_items(settings, item(1))
    events = [interaction(n, user=f"u{n % 23}") for n in range(1500)]
    interactions, target = (
        settings.topics.interactions.name,
        settings.topics.interactions_enriched.name,
    )
    with agent("ingest", environment), agent("ingest", environment) as leaving:
        await produce(settings, interactions, map(keyed, events[:500]))
        await read_count(settings, target, 300)
        await produce(settings, interactions, map(keyed, events[500:]))
        assert stop(leaving) == 0
        wanted = {event.event_id for event in events}
        await read_until(
            settings,
            target,
            lambda found: (
                len(found) >= 1500 and {e.interaction.event_id for e in enriched(found)} == wanted
            ),
        )


async def test_a_stop_finishes_the_event_in_hand(settings, environment):
    """faust commits what it cancels: an event that waits for its picture must not be lost."""
    await produce_items(settings, pictured(1, settings), item(2))
    interactions, target = (
        settings.topics.interactions.name,
        settings.topics.interactions_enriched.name,
    )
    events = [interaction(0, item="i2"), *(interaction(n) for n in range(1, 4))]
    unreachable = {**environment, "S3_ENDPOINT": "127.0.0.1:1"}
    await produce(settings, interactions, map(keyed, events))
    with agent("ingest", unreachable) as process:
        await read_count(settings, target, 1)  # from here on it waits for the picture of e1
        assert stop(process) == 0
    with agent("ingest", unreachable):
        records = await read_until(settings, target, has("e3"))
    assert {e.interaction.event_id for e in enriched(records)} == {"e0", "e1", "e2", "e3"}
