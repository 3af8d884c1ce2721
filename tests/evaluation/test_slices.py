from dataclasses import replace

from evaluation.made import asked
from hypothesis import given
from hypothesis import strategies as st

from stream_app.evaluation.slices import by_history, by_time, new_and_known


@given(st.lists(st.integers(0, 300), min_size=1))
def test_each_query_has_one_length_of_history(lengths):
    queries = [replace(asked("a"), num_history=one) for one in lengths]
    assert sum(rows.astype(int) for rows in by_history(queries).values()).tolist() == [1] * len(
        lengths
    )


def test_bounds_of_history_belong_to_their_part():
    queries = [replace(asked("a"), num_history=one) for one in (0, 1, 4, 5, 19, 20)]
    found = {name: rows.nonzero()[0].tolist() for name, rows in by_history(queries).items()}
    assert found == {"0": [0], "1-4": [1, 2], "5-19": [3, 4], "20+": [5]}


def test_new_users_and_new_items_are_apart_from_the_rest():
    new_user = asked("a")
    new_item = replace(asked("a"), num_history=3, is_cold_item=True)
    known = replace(asked("a"), num_history=3)
    found = new_and_known([new_user, new_item, known])
    assert {name: rows.tolist() for name, rows in found.items()} == {
        "new users": [True, False, False],
        "new items": [False, True, False],
        "known users and items": [False, False, True],
    }


def test_parts_of_the_log_follow_its_order():
    queries = [asked("a", position=one) for one in (5, 1, 3)]
    assert [part.tolist() for part in by_time(queries, num_parts=2)] == [[1, 2], [0]]
