from aiokafka import ConsumerRecord, TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from stream_app.worker.partition import FULL, Partition


def record(offset: int, key: bytes | None) -> ConsumerRecord:
    return ConsumerRecord("t", 0, offset, 0, 0, key, b"", None, 0, 0, ())


def partition(keys: list[bytes | None]) -> Partition:
    filled = Partition(TopicPartition("t", 0), producer=None)
    filled.add([record(offset, key) for offset, key in enumerate(keys)])
    return filled


def test_a_batch_has_one_event_of_a_user_and_others_go_past() -> None:
    busy = partition([b"ada", b"ada", b"bob", b"ada", b"cyd"])
    assert [one.offset for one in busy.take(10)] == [0, 2, 4]
    assert [one.offset for one in busy.take(10)] == [1]
    assert [one.offset for one in busy.take(10)] == [3]
    assert busy.num_waiting == 0


def test_what_erases_a_user_goes_with_all_before_it() -> None:
    erased = ConsumerRecord("t", 0, 3, 0, 0, b"bob", None, None, 0, 0, ())
    busy = partition([b"ada", b"ada", b"bob"])
    busy.add([erased, record(4, b"cyd")])
    assert [one.offset for one in busy.take(10)] == [0, 2]
    # Not before 1, though its key is free.
    assert [one.offset for one in busy.take(10)] == [1, 3, 4]


def test_a_burst_is_taken_whole_up_to_a_limit_and_in_order() -> None:
    busy = partition([b"ada", b"bob", b"ada", b"ada", b"cyd", b"bob"])
    assert [one.offset for one in busy.take(2, max_of_key=2)] == [0, 1, 2, 5]
    assert [one.offset for one in busy.take(2, max_of_key=2)] == [3, 4]


def test_nothing_that_follows_on_an_erasure_goes_with_it() -> None:
    erased = [
        ConsumerRecord("t", 0, offset, 0, 0, b"ada", None, None, 0, 0, ()) for offset in (1, 3)
    ]
    busy = partition([b"ada"])
    busy.add([erased[0], record(2, b"ada"), erased[1], record(4, b"ada")])
    taken = [[one.offset for one in busy.take(9, max_of_key=9)] for _ in range(5)]
    assert taken == [[0], [1], [2], [3], [4]]


def test_what_is_put_back_waits_at_its_old_place() -> None:
    busy = partition([b"ada", b"bob", b"ada"])
    taken = busy.take(2)
    for record_taken in taken:
        busy.put_back([record_taken])
    assert [one.offset for one in busy.take(10)] == [0, 1]
    busy.leave()
    busy.put_back(taken)
    assert busy.num_waiting == 0


def test_it_is_full_by_what_is_unfinished_and_not_by_what_waits() -> None:
    busy = partition([b"%d" % number for number in range(FULL)])
    taken = busy.take(FULL)
    assert busy.num_waiting == FULL - len(taken)
    assert busy.is_full
    busy.tracker.finish(0)
    assert not busy.is_full


@given(
    keys=st.lists(st.sampled_from([b"a", b"b", b"c", b"d"]), max_size=60),
    sizes=st.lists(st.integers(1, 7), min_size=60, max_size=60),
    max_of_key=st.integers(1, 3),
)
def test_every_record_is_taken_once_and_a_users_in_order(
    keys: list, sizes: list[int], max_of_key: int
) -> None:
    busy = partition(keys)
    taken = [one for size in sizes for one in busy.take(size, max_of_key)]
    assert sorted(one.offset for one in taken) == list(range(len(keys)))
    for key in set(keys):
        offsets = [one.offset for one in taken if one.key == key]
        assert offsets == sorted(offsets)
