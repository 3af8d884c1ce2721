"""In which order a partition gives interactions and the lists that answer them."""

import asyncio
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from aiokafka import ConsumerRecord, TopicPartition

from schemas.codec import encode
from schemas.user_lists import RememberedList
from stream_app.partitions.queued import MAX_BATCH
from stream_app.partitions.store import PartitionStore
from stream_app.quality.judge import remembered
from stream_app.quality.lists import Arrived
from stream_app.quality.partition import JudgedPartition
from tests.quality.steps import Done, Listed, recommendation


class Lists:
    """Lists that have come by now; `all_have_come` is what the reader finds when it is asked."""

    def __init__(self, *answers: int, all_have_come: bool = True) -> None:
        self.waiting = deque(Arrived("ada", answering(one), one) for one in answers)
        self.all_have_come = all_have_come
        self.was_asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def has_come(self) -> bool:
        self.was_asked.set()
        await self.may_answer.wait()
        return self.all_have_come and not self.waiting

    def take(self) -> Arrived:
        return self.waiting.popleft()

    def leave(self) -> None:
        self.may_answer.set()


def answering(offset: int) -> RememberedList:
    return remembered(recommendation(Listed(Done(offset, "x"), [("a", ("recent",))])))


def records(offsets: Iterable[int]) -> list[ConsumerRecord]:
    return [
        ConsumerRecord("t", 0, one, 0, 0, b"ada", encode(Done(one, "x").event), None, 0, 0, ())
        for one in offsets
    ]


def partition(folder: Path, lists: Lists, *offsets: int) -> JudgedPartition:
    stores = [PartitionStore(folder / name, changelog=name) for name in ("users", "counts")]
    own = JudgedPartition(TopicPartition("t", 0), None, stores, lists)
    own.add(records(offsets))
    return own


async def order(own: JudgedPartition) -> list[str]:
    return [
        f"list {one.one.answers}" if isinstance(one, Arrived) else f"event {one.offset}"
        for one in await own.take()
    ]


async def test_a_list_comes_behind_the_event_that_it_answers(tmp_path: Path) -> None:
    lists = Lists(0, 2)
    own = partition(tmp_path, lists, 0, 1, 2)
    assert await order(own) == ["event 0", "list 0", "event 1", "event 2", "list 2"]
    assert not own.has_work


async def test_a_list_waits_for_its_event(tmp_path: Path) -> None:
    own = partition(tmp_path, Lists(3))
    assert not own.has_work
    own.add(records([3, 4]))
    assert await order(own) == ["event 3", "list 3"]


async def test_an_event_waits_until_the_lists_before_it_have_come(tmp_path: Path) -> None:
    lists = Lists(1, all_have_come=False)
    own = partition(tmp_path, lists, 0, 1, 2)
    # What comes behind the list that waits is not known yet: the event behind it has to wait.
    assert await order(own) == ["event 0", "event 1", "list 1"]
    assert own.has_work
    lists.all_have_come = True
    assert await order(own) == ["event 2"]


async def test_what_comes_while_lists_are_waited_for_is_not_sure_yet(tmp_path: Path) -> None:
    lists = Lists()
    lists.may_answer.clear()
    own = partition(tmp_path, lists, 0)
    taking = asyncio.create_task(order(own))
    await lists.was_asked.wait()
    own.add(records([1]))
    lists.may_answer.set()
    assert await taking == ["event 0"]
    assert await order(own) == ["event 1"]


async def test_whoever_leaves_waits_for_no_list(tmp_path: Path) -> None:
    lists = Lists()
    lists.may_answer.clear()
    own = partition(tmp_path, lists, 0)
    taking = asyncio.create_task(order(own))
    await lists.was_asked.wait()
    own.leave()
    assert await taking == []


async def test_a_transaction_is_bounded(tmp_path: Path) -> None:
    own = partition(tmp_path, Lists(), *range(MAX_BATCH + 1))
    assert len(await order(own)) == MAX_BATCH
    assert await order(own) == [f"event {MAX_BATCH}"]
