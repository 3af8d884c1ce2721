from hypothesis import given
from hypothesis import strategies as st

from schemas.ranking import RankedCandidate
from stream_app.diversity import diversify


def candidates(categories) -> list[RankedCandidate]:
    return [
        RankedCandidate(
            item_id=f"i{position}",
            title="T",
            score=0.5,
            prior=0.5,
            sources={},
            categories=(category,) if category else (),
        )
        for position, category in enumerate(categories)
    ]


def ids(chosen) -> list[str]:
    return [candidate.item_id for candidate in chosen]


def test_half_of_the_list_is_left_to_other_categories():
    chosen = diversify(candidates("hhhhhhss"), 4)
    assert ids(chosen) == ["i0", "i1", "i6", "i7"]


def test_a_crowded_category_fills_what_others_leave():
    assert ids(diversify(candidates("hhhhhs"), 4)) == ["i0", "i1", "i2", "i5"]


def test_items_without_a_category_are_not_limited():
    assert ids(diversify(candidates(["", "", "", "h"]), 3)) == ["i0", "i1", "i2"]


@given(st.lists(st.sampled_from(["", "a", "b", "c"]), max_size=40), st.integers(1, 20))
def test_the_list_is_full_in_order_and_begins_with_the_best(categories, length):
    everyone = candidates(categories)
    chosen = diversify(everyone, length)
    positions = [everyone.index(candidate) for candidate in chosen]
    assert len(chosen) == min(length, len(everyone))
    assert positions == sorted(set(positions))
    assert positions[:1] == [0][: len(everyone)]
    limit = (length + 1) // 2
    others = sum(category != "a" for category in categories)
    crowd = sum(candidate.categories == ("a",) for candidate in chosen)
    assert crowd <= max(limit, length - others)
