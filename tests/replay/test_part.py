"""A part of a log by time."""

from datetime import timedelta

import pytest
from replay.logs import event

from records import EPOCH
from stream_app.replay.errors import ReplayError
from stream_app.replay.part import Part

LOG = [event(number, "ada", number) for number in range(10)]


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


@pytest.mark.parametrize(
    ("part", "first", "behind"),
    [
        (Part(), 0, 10),
        (Part(start=EPOCH + hours(3)), 3, 10),
        (Part(end=EPOCH + hours(3)), 0, 3),
        (Part(EPOCH + hours(2.5), EPOCH + hours(7.5)), 3, 8),
        (Part(last=hours(2)), 8, 10),
        (Part(end=EPOCH + hours(7), last=hours(2)), 5, 7),
        (Part(EPOCH + hours(6), EPOCH + hours(7), last=hours(4)), 6, 7),
    ],
)
def test_a_part_begins_with_its_start_and_ends_before_its_end(
    part: Part, first: int, behind: int
) -> None:
    assert part.of(LOG) == tuple(LOG[first:behind])


def test_an_empty_part_is_refused_with_the_times_that_there_are() -> None:
    with pytest.raises(
        ReplayError, match="no event of 10 is in the part: they are from 2026-01-01"
    ):
        Part(start=EPOCH + hours(10)).of(LOG)
