"""Which list an interaction is attributed to."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records import EPOCH, interaction
from stream_app.attribution import Shown, attribute, attribute_all

HOUR = timedelta(hours=1)


def a_list(list_id: str, second: float, *item_ids: str, user: str = "ada") -> Shown:
    at = EPOCH + timedelta(seconds=second)
    return Shown(list_id, user, at, item_ids, tuple((f"by {one}",) for one in item_ids))


def test_the_newest_list_before_it_that_showed_the_item_has_brought_it_about() -> None:
    lists = [a_list("l1", 1, "i1", "i2"), a_list("l2", 2, "i3", "i2"), a_list("l3", 3, "i4")]
    found = attribute(interaction(10, item="i2"), lists, HOUR)
    assert found is not None
    assert (found.list_id, found.rank, found.sources) == ("l2", 2, ("by i2",))
    assert attribute(interaction(10, item="i9"), lists, HOUR) is None


@pytest.mark.parametrize(("second", "is_remembered"), [(10, True), (9.999, False)])
def test_a_list_is_forgotten_after_a_time(second: float, is_remembered: bool) -> None:
    found = attribute(interaction(70, item="i1"), [a_list("l", second, "i1")], HOUR / 60)
    assert (found is not None) == is_remembered


def test_what_a_list_answers_did_not_come_from_it() -> None:
    assert attribute(interaction(7, item="i1"), [a_list("l", 7, "i1")], HOUR) is None


def test_a_list_delivered_again_and_an_event_sent_again_count_once() -> None:
    lists = [a_list("l", 1, "i1", "i2"), a_list("l", 1, "i2", "i1")]
    events = [interaction(2, item="i1"), interaction(2, item="i1")]
    (found,) = attribute_all(lists, events, HOUR)
    assert found.rank == 2


NAMES = st.sampled_from("abc")
SECONDS = st.integers(0, 12)


@given(
    st.lists(st.tuples(SECONDS, NAMES, st.lists(NAMES, max_size=3, unique=True)), max_size=8),
    st.lists(st.tuples(SECONDS, NAMES, NAMES), max_size=6),
    st.integers(0, 12),
)
def test_it_is_what_going_through_all_lists_finds(made, done, hours) -> None:
    lists = [
        a_list(f"l{number}", at, *item_ids, user=user)
        for number, (at, user, item_ids) in enumerate(made)
    ]
    events = [
        interaction(at, user=user, item=item_id).model_copy(update={"event_id": f"e{number}"})
        for number, (at, user, item_id) in enumerate(done)
    ]
    within = timedelta(seconds=hours)
    expected = []
    for event in events:
        showing = [
            one
            for one in lists
            if one.user_id == event.user_id
            and event.item_id in one.item_ids
            and one.at < event.occurred_at <= one.at + within
        ]
        if showing:
            newest = max(showing, key=lambda one: (one.at, lists.index(one)))
            expected.append((event, newest.list_id, newest.item_ids.index(event.item_id) + 1))
    found = attribute_all(lists, events, within)
    assert [(one.event, one.list_id, one.rank) for one in found] == expected
