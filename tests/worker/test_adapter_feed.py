"""What the worker does with releases, without a broker: order, refusals, and storage that fails."""

import asyncio
from collections.abc import Callable
from hashlib import sha256

import pytest

from examples import RELEASE
from models.errors import AdapterError
from models.releases import release_id
from models.weightless import WeightlessEngine
from schemas.adapter_release import AdapterRelease
from schemas.codec import encode
from schemas.item import ImageLocation
from stream_app.image_errors import MissingObjectError, StorageUnavailableError, TooManyBytesError
from stream_app.object_storage import StoredObject
from stream_app.worker import adapter_feed
from stream_app.worker.adapter_feed import AdapterFeed


class Engine(WeightlessEngine):
    """Knows what is loaded, refuses what is bad, and never holds one adapter twice."""

    def __init__(self) -> None:
        self.loaded: dict[str, bytes] = {}

    def load_adapter(self, adapter: str, data: bytes) -> None:
        assert adapter not in self.loaded
        if data.startswith(b"bad"):
            raise AdapterError("the model answers neither Yes nor No")
        if data.startswith(b"bug"):
            raise TypeError("a bug")
        self.loaded[adapter] = data

    def unload_adapter(self, adapter: str) -> None:
        del self.loaded[adapter]


class Storage:
    """Objects by key; an error in place of an object is raised."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes | Exception] = {}
        self.keys_read: list[str] = []

    def read(self, location: ImageLocation) -> StoredObject:
        self.keys_read.append(location.key)
        found = self.objects.get(location.key, MissingObjectError("no such object"))
        if isinstance(found, Exception):
            raise found
        return StoredObject(found, "etag")


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def storage() -> Storage:
    return Storage()


@pytest.fixture
def fetched() -> asyncio.Event:
    """Set while the feed has something to apply."""
    return asyncio.Event()


@pytest.fixture
def feed(
    engine: Engine, storage: Storage, fetched: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> AdapterFeed:
    monkeypatch.setattr(adapter_feed, "RETRY_S", 0.01)

    async def at_once(call: Callable[[], None]) -> None:
        call()

    return AdapterFeed(engine, storage, at_once, fetched.set)


@pytest.fixture
def released(storage: Storage):
    def one(name: str, data: bytes, **fields: object) -> AdapterRelease:
        digest = sha256(data).hexdigest()
        storage.objects[digest] = data
        return RELEASE.model_copy(
            update={
                "name": name,
                "sha256": digest,
                "location": ImageLocation(bucket="adapters", key=digest),
                "share": 1.0,
                "base": "weightless-1",
                "prompt": "none",
                "previous": None,
                **fields,
            }
        )

    return one


def add(feed: AdapterFeed, *releases: AdapterRelease) -> None:
    for one in releases:
        feed.add(one.name, encode(one))


async def test_the_newest_release_answers_and_the_one_before_is_dropped(feed, engine, released):
    first, second = released("a", b"1"), released("a", b"2")
    add(feed, first)
    await feed.start()
    assert feed.adapter_of("ada") == release_id(first)
    add(feed, second)
    await feed.start()
    assert feed.adapter_of("ada") == release_id(second)
    assert engine.loaded == {release_id(second): b"2"}


async def test_what_is_superseded_before_it_was_fetched_is_never_fetched(feed, storage, released):
    first, second = released("a", b"1"), released("a", b"2")
    add(feed, first, second)
    await feed.start()
    assert storage.keys_read == [second.sha256]


async def test_what_is_superseded_while_it_is_fetched_does_not_answer(
    feed, engine, storage, released, monkeypatch
):
    first, second = released("a", b"1"), released("a", b"2")
    read = storage.read

    def slow_read(location: ImageLocation) -> StoredObject:
        if location == first.location:
            add(feed, second)
        return read(location)

    monkeypatch.setattr(storage, "read", slow_read)
    add(feed, first)
    await feed.start()
    assert feed.adapter_of("ada") == release_id(second)
    assert engine.loaded == {release_id(second): b"2"}


async def test_a_rollback_while_the_new_one_is_loading_is_not_lost(
    engine, storage, fetched, released
):
    first, second = released("a", b"1"), released("a", b"2")
    rolled_back = False

    async def in_engine(call: Callable[[], None]) -> None:
        nonlocal rolled_back
        call()
        if release_id(second) in engine.loaded and not rolled_back:
            rolled_back = True
            fetched.clear()
            add(feed, first)
            await fetched.wait()

    feed = AdapterFeed(engine, storage, in_engine, fetched.set)
    add(feed, first)
    await feed.start()
    following = asyncio.create_task(feed.run())
    fetched.clear()
    add(feed, second)
    async with asyncio.timeout(10):
        while not rolled_back or feed.adapter_of("ada") != release_id(first):
            await fetched.wait()
            fetched.clear()
            await feed.apply()
    following.cancel()
    assert engine.loaded == {release_id(first): b"1"}


async def test_another_share_of_the_same_weights_loads_nothing(feed, engine, storage, released):
    add(feed, released("a", b"1", share=1.0))
    await feed.start()
    add(feed, released("a", b"1", share=0.0))
    await feed.start()
    assert feed.adapter_of("ada") is None
    assert len(engine.loaded) == len(storage.keys_read) == 1


async def test_a_withdrawn_adapter_is_gone(feed, engine, released):
    add(feed, released("a", b"1"))
    await feed.start()
    feed.add("a", None)
    feed.add("never-there", None)
    await feed.start()
    assert feed.adapter_of("ada") is None
    assert engine.loaded == {}


async def test_a_withdrawal_waits_for_no_fetch(feed, storage, released):
    add(feed, released("a", b"1"))
    await feed.start()
    other = released("b", b"2", share=0.0)
    storage.objects[other.sha256] = StorageUnavailableError("away")
    add(feed, other)
    feed.add("a", None)
    await feed.apply()
    assert feed.adapter_of("ada") is None


async def test_a_withdrawal_during_a_load_that_fails_brings_nothing_back(
    feed, engine, released, monkeypatch
):
    load = engine.load_adapter

    def withdrawn_meanwhile(adapter: str, data: bytes) -> None:
        if data.startswith(b"bad"):
            feed.add("a", None)
        load(adapter, data)

    monkeypatch.setattr(engine, "load_adapter", withdrawn_meanwhile)
    add(feed, released("a", b"bad", previous=released("a", b"1")))
    await feed.start()
    assert feed.adapter_of("ada") is None
    assert engine.loaded == {}


async def test_nothing_changes_before_the_worker_says_apply(feed, fetched, engine, released):
    """Between two batches: during one, a user's adapter and the loaded ones stay as they are."""
    first, second = released("a", b"1"), released("a", b"2")
    add(feed, first)
    await feed.start()
    fetched.clear()
    add(feed, second)
    following = asyncio.create_task(feed.run())
    await asyncio.wait_for(fetched.wait(), 10)
    assert feed.adapter_of("ada") == release_id(first)
    assert list(engine.loaded) == [release_id(first)]
    await feed.apply()
    assert feed.adapter_of("ada") == release_id(second)
    following.cancel()


@pytest.mark.parametrize("data", [b"bad", b"bug"])
async def test_what_the_engine_refuses_leaves_the_one_before(data, feed, released):
    good = released("a", b"1")
    add(feed, good)
    await feed.start()
    add(feed, released("a", data))
    await feed.start()
    assert feed.adapter_of("ada") == release_id(good)


async def test_a_start_with_a_bad_release_takes_the_one_before_it(feed, released):
    good = released("a", b"1")
    add(feed, released("a", b"bad", previous=good))
    await feed.start()
    assert feed.adapter_of("ada") == release_id(good)


async def test_several_bad_releases_in_a_row_lead_back_to_the_good_one(feed, released):
    """As they do for a worker that ran before and kept it."""
    good = released("a", b"1")
    bad = released("a", b"bad 1", previous=good)
    add(feed, released("a", b"bad 2", previous=bad))
    await feed.start()
    assert feed.adapter_of("ada") == release_id(good)


async def test_no_object_but_the_released_one_gets_to_the_engine(feed, engine, storage, released):
    other_bytes, missing, too_big = (released(name, name.encode()) for name in ("a", "b", "c"))
    storage.objects[other_bytes.sha256] = b"others"
    storage.objects[missing.sha256] = MissingObjectError("no such object")
    storage.objects[too_big.sha256] = TooManyBytesError("over the limit")
    add(feed, other_bytes, missing, too_big)
    await feed.start()
    assert engine.loaded == {}
    assert feed.adapter_of("ada") is None


@pytest.mark.parametrize("field", ["base", "prompt"])
async def test_an_adapter_for_another_model_is_not_even_fetched(field, feed, storage, released):
    add(feed, released("a", b"1", **{field: "other"}))
    await feed.start()
    assert storage.keys_read == []


async def test_records_that_are_no_releases_change_nothing(feed, released):
    good = released("a", b"1")
    add(feed, good)
    feed.add("a", b"{no record")
    feed.add("b", encode(good))
    await feed.start()
    assert feed.adapter_of("ada") == release_id(good)


async def test_an_engine_without_adapters_refuses_them(storage, released):
    class Plain:
        versions = WeightlessEngine.versions

    async def at_once(call: Callable[[], None]) -> None:
        call()

    feed = AdapterFeed(Plain(), storage, at_once, lambda: None)
    add(feed, released("a", b"1"))
    await feed.start()
    assert feed.adapter_of("ada") is None


async def test_storage_that_comes_back_late_is_asked_again(
    feed, fetched, storage, released, monkeypatch
):
    """The start doesn't wait for it without end: until then the base weights answer."""
    monkeypatch.setattr(adapter_feed, "START_PATIENCE_S", 0.05)
    good = released("a", b"1")
    storage.objects[good.sha256] = StorageUnavailableError("gone")
    add(feed, good)
    await feed.start()
    assert feed.adapter_of("ada") is None
    storage.objects[good.sha256] = b"1"
    following = asyncio.create_task(feed.run())
    await asyncio.wait_for(fetched.wait(), 10)
    await feed.apply()
    following.cancel()
    assert feed.adapter_of("ada") == release_id(good)
