"""What a partition's records change, and what a view makes of it, without a broker."""

from datetime import timedelta
from pathlib import Path

from aiokafka import ConsumerRecord, TopicPartition

from models.signals.decay import Decay
from models.signals.learner import Learner
from models.signals.signals import Signals
from records import EPOCH, interaction
from schemas.codec import encode
from stream_app.partitions.queued import FULL, MAX_BATCH
from stream_app.partitions.store import PartitionStore
from stream_app.signals.counting import count
from stream_app.signals.partition import CountedPartition
from stream_app.worker.signals_feed import SignalsFeed

NOW_MS = int((EPOCH + timedelta(days=1)).timestamp() * 1000)
FAR_MS = 10**17


def record(
    offset: int, key: bytes | None, value: bytes | None, *, partition: int = 0, at_ms: int = NOW_MS
) -> ConsumerRecord:
    return ConsumerRecord("t", partition, offset, at_ms, 0, key, value, None, 0, 0, ())


def like(offset: int, item: str, user: str = "ada", at_ms: int = NOW_MS) -> ConsumerRecord:
    event = interaction(offset, user=user, item=item, kind="like")
    return record(offset, user.encode(), encode(event), at_ms=at_ms)


def counted(*records: ConsumerRecord) -> Learner:
    learner = Learner(Decay())
    count(learner, records)
    return learner


def test_a_bad_record_costs_itself() -> None:
    good = [like(0, "a"), like(9, "b")]
    bad = [
        record(1, None, encode(interaction(1))),
        record(2, b"ada", b"{not json"),
        record(3, b"bob", encode(interaction(3, user="ada"))),
        record(4, b"\xff", None),
        like(5, "c", at_ms=FAR_MS),
    ]
    with_bad, without = counted(good[0], *bad, good[1]), counted(*good)
    assert (with_bad.users, with_bad.items) == (without.users, without.items)


def test_a_null_value_erases_what_came_before_it() -> None:
    learner = counted(like(0, "a"), record(1, b"ada", None), like(2, "b"), like(3, "c", "bob"))
    erased = counted(like(0, "a"), record(1, b"ada", None))
    assert erased.users == {"ada": None}
    ada = learner.users["ada"]
    assert ada is not None
    assert [visit.item_id for visit in ada.recent] == ["b"]


def partition(folder: Path, users: dict | None = None, items: dict | None = None):
    stores = [PartitionStore(folder / name, changelog=name) for name in ("users", "items")]
    for store, records in zip(stores, (users, items), strict=True):
        store.write(records or {}, 1)
    return CountedPartition(TopicPartition("t", 0), None, stores)


def test_a_batch_goes_on_from_what_was_written(tmp_path: Path) -> None:
    before = counted(like(0, "a"))
    users, items = (
        {one.encode(): encode(of) for one, of in kept.items()}
        for kept in (before.users, before.items)
    )
    own = partition(tmp_path, users, items)
    learner = own.learner(Decay())
    count(learner, [like(0, "a"), like(1, "b")])
    assert learner.items == counted(like(0, "a"), like(1, "b")).items


def test_what_cannot_be_read_any_more_is_begun_anew(tmp_path: Path) -> None:
    own = partition(tmp_path, {b"ada": b"{}"}, {b"a": b"?"})
    learner = own.learner(Decay())
    count(learner, [like(5, "a")])
    assert (learner.users, learner.items) == (
        counted(like(5, "a")).users,
        counted(like(5, "a")).items,
    )
    assert own.next_items(9) == []


def test_batches_are_bounded_and_come_in_order(tmp_path: Path) -> None:
    own = partition(tmp_path)
    assert not own.has_work
    own.add([like(offset, "a") for offset in range(FULL)])
    assert own.is_full
    assert [one.offset for one in own.take()] == list(range(MAX_BATCH))
    assert not own.is_full
    assert own.take()[0].offset == MAX_BATCH
    own.leave()
    own.add([like(9999, "a")])
    assert not own.has_work


def test_items_are_looked_at_in_turn(tmp_path: Path) -> None:
    learner = counted(*[like(number, f"i{number}") for number in range(5)])
    items = {one.encode(): encode(of) for one, of in learner.items.items()}
    own = partition(tmp_path, items=items)
    turns = [[one.item_id for one in own.next_items(2)] for _ in range(5)]
    assert turns == [["i0", "i1"], ["i2", "i3"], ["i4"], [], ["i0", "i1"]]


def test_a_view_adds_partitions_up_and_takes_the_newest_of_each() -> None:
    signals = Signals()
    feed = SignalsFeed(signals)
    (item,) = counted(like(0, "a")).items.values()
    twice = counted(like(0, "a"), like(1, "a", "bob")).items["a"]
    feed.add(record(0, b"a", encode(item), partition=0))
    feed.add(record(1, b"a", encode(twice), partition=0))
    feed.add(record(0, b"a", encode(item), partition=3))
    feed.add(record(0, b"b", b"{}", partition=3))
    assert signals.is_empty
    assert feed.has_changes
    feed.apply()
    assert not feed.has_changes
    at = EPOCH
    assert round(signals.popularity("a", at), 3) == 3.0
    assert [one for one, _ in signals.popular(5, at)] == ["a"]
    feed.add(record(2, b"a", None, partition=0))
    feed.apply()
    assert round(signals.popularity("a", at), 3) == 1.0
