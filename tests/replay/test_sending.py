"""What is sent when: each event meets the items that the step would have known, and no other."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from replay.logs import SHOP, event, logs

from schemas.interaction import Interaction
from stream_app.replay.arrivals import arrival_moments, including
from stream_app.replay.errors import ReplayError
from stream_app.replay.through_kafka.sending import require_times, stretches


@given(logs)
def test_before_each_event_come_the_items_that_are_known_with_it(
    log: Sequence[Interaction],
) -> None:
    moments = arrival_moments(SHOP, log)
    sent: set[str] = set()
    positions: list[int] = []
    for stretch in stretches(moments, len(log)):
        assert not sent & set(stretch.item_ids)
        sent |= set(stretch.item_ids)
        for position in stretch.positions:
            assert sent == {one for one in moments if moments[one] <= including(position)}
            positions.append(position)
    assert positions == list(range(len(log)))


def test_a_log_from_before_kafkas_time_is_refused() -> None:
    require_times([event(0, "ada", 1)])
    with pytest.raises(ReplayError, match="event e0 is of 1969-11-20: Kafka has no time before"):
        require_times([event(0, "ada", 1, at=-24 * 366 * 56)])
