import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.worker.offsets import OffsetTracker


@given(
    offsets=st.sets(st.integers(0, 200), min_size=1).map(sorted),
    random=st.randoms(use_true_random=False),
)
def test_no_unfinished_offset_is_ever_committed(offsets: list[int], random) -> None:
    tracker = OffsetTracker()
    for offset in offsets:
        tracker.start(offset)
    unfinished = set(offsets)
    for offset in random.sample(offsets, len(offsets)):
        tracker.finish(offset)
        unfinished.discard(offset)
        next_offset = tracker.to_commit()
        assert next_offset is None or all(one >= next_offset for one in unfinished)
    assert tracker.to_commit() == offsets[-1] + 1
    assert tracker.num_in_hand == 0


def test_nothing_is_committed_twice() -> None:
    tracker = OffsetTracker()
    tracker.start(5)
    assert tracker.to_commit() is None
    tracker.finish(5)
    assert tracker.to_commit() == 6
    tracker.committed(6)
    assert tracker.to_commit() is None


def test_offsets_that_do_not_rise_or_were_never_started_are_refused() -> None:
    tracker = OffsetTracker()
    tracker.start(5)
    with pytest.raises(ValueError, match="offset 5 is not above 5"):
        tracker.start(5)
    with pytest.raises(KeyError):
        tracker.finish(4)
