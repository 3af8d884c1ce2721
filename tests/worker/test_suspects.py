"""What a process that died had in hand is taken alone by the next one."""

import asyncio

import pytest
from aiokafka import ConsumerRecord, TopicPartition

from stream_app.worker.suspects import Suspects


def record(offset: int) -> ConsumerRecord:
    return ConsumerRecord("t", 0, offset, 0, 0, b"k", b"", None, 0, 0, ())


class DeathError(Exception):
    """Stands for the end of the process: nothing after the block runs."""


def die_with(path, offsets: list[int]) -> None:
    suspects = Suspects(path, "cluster")
    with pytest.raises(DeathError), suspects.in_hand([record(one) for one in offsets]):
        raise DeathError


def offsets(suspects: Suspects, among: range) -> list[list[int]]:
    return [[one.offset for one in part] for part in suspects.apart([record(one) for one in among])]


def test_without_a_death_all_go_together(tmp_path):
    suspects = Suspects(tmp_path / "in-hand", "cluster")
    with suspects.in_hand([record(1), record(2)]):
        pass
    assert offsets(Suspects(tmp_path / "in-hand", "cluster"), range(1, 4)) == [[1, 2, 3]]


def test_each_that_was_in_hand_goes_alone_until_it_has_been_survived(tmp_path):
    die_with(tmp_path / "in-hand", [1, 2])
    suspects = Suspects(tmp_path / "in-hand", "cluster")
    assert suspects.any_of([TopicPartition("t", 0)])
    assert not suspects.any_of([TopicPartition("t", 1)])
    assert offsets(suspects, range(5)) == [[1], [2], [0, 3, 4]]
    with suspects.in_hand([record(1)]):
        pass
    suspects.settle([record(1)])
    assert offsets(suspects, range(5)) == [[2], [0, 1, 3, 4]]
    suspects.settle([record(2)])
    assert not suspects.any_of([TopicPartition("t", 0)])


def test_it_stays_suspect_until_what_became_of_it_is_written(tmp_path):
    die_with(tmp_path / "in-hand", [1, 2])
    suspects = Suspects(tmp_path / "in-hand", "cluster")
    with suspects.in_hand([record(1)]):
        pass
    assert offsets(Suspects(tmp_path / "in-hand", "cluster"), range(3)) == [[1], [2], [0]]


def test_another_clusters_record_is_not_suspect(tmp_path):
    die_with(tmp_path / "in-hand", [1])
    assert offsets(Suspects(tmp_path / "in-hand", "another"), range(3)) == [[0, 1, 2]]


def test_to_be_stopped_with_a_record_in_hand_is_not_to_die_of_it(tmp_path):
    suspects = Suspects(tmp_path / "in-hand", "cluster")
    with pytest.raises(asyncio.CancelledError), suspects.in_hand([record(1)]):
        raise asyncio.CancelledError
    assert offsets(Suspects(tmp_path / "in-hand", "cluster"), range(3)) == [[0, 1, 2]]


def test_the_second_death_with_it_alone_in_hand_makes_it_poison(tmp_path):
    path = tmp_path / "in-hand"
    die_with(path, [1, 2])
    assert not Suspects(path, "cluster").is_poison(record(1))
    die_with(path, [1])
    assert not Suspects(path, "cluster").is_poison(record(1))
    die_with(path, [1])
    suspects = Suspects(path, "cluster")
    assert suspects.is_poison(record(1))
    assert not suspects.is_poison(record(2))


def test_an_unreadable_note_is_no_note(tmp_path):
    path = tmp_path / "in-hand"
    path.write_bytes(b"{")
    assert offsets(Suspects(path, "cluster"), range(2)) == [[0, 1]]
