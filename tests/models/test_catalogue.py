from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.catalogue import Catalogue, embedding_from_bytes
from models.retrieval.exact import FIRST_CAPACITY
from records import EPOCH
from world import catalogue, profiles

LATER = EPOCH + timedelta(days=365)


def test_nearest_agrees_with_sorting_every_cosine() -> None:
    filled = catalogue(40)
    rng = np.random.default_rng(0)
    vector = rng.normal(size=64).astype(np.float32)
    cosines = {p.item_id: float(embedding_from_bytes(p.embedding) @ vector) for p in filled}
    expected = sorted(cosines, key=lambda item_id: (-round(cosines[item_id], 5), item_id))[:7]
    found = filled.nearest(vector, 7)
    assert [round(cosines[one], 5) for one in found] == [round(cosines[one], 5) for one in expected]


def test_what_is_excluded_or_unavailable_is_not_found_and_others_take_its_place() -> None:
    filled = catalogue(40)
    vector = embedding_from_bytes(profiles(1)[0].embedding)
    first, second, *_ = filled.nearest(vector, 5)
    gone = filled.get(second)
    assert gone is not None
    filled.put(gone.model_copy(update={"available": False}))
    found = filled.nearest(vector, 5, exclude={first})
    assert len(found) == 5
    assert not {first, second} & set(found)


def test_newest_items_come_first() -> None:
    assert catalogue(40).newest(3, at=LATER) == ["i39", "i38", "i37"]


def test_a_draw_depends_on_the_seed_and_not_on_the_order_of_arrival() -> None:
    one, other = catalogue(40), Catalogue(64)
    for profile in reversed(profiles(40)):
        other.put(profile)
    assert one.draw(5, "seed") == other.draw(5, "seed")
    assert one.draw(5, "seed") != one.draw(5, "other seed")


@pytest.mark.parametrize("embedding", [bytes(8), bytes(127), b"\xff\x7f" * 64, b"\x00\x7c" * 64])
def test_an_embedding_that_cannot_be_compared_is_left_out(embedding: bytes) -> None:
    filled = catalogue(2)
    odd = profiles(1)[0].model_copy(update={"item_id": "odd", "embedding": embedding})
    assert not filled.put(odd)
    assert filled.get("odd") is None


def test_an_unknown_item_has_no_vector() -> None:
    with pytest.raises(KeyError):
        catalogue(2).vectors(["nobody"])


def test_it_grows_beyond_its_first_capacity() -> None:
    template = profiles(1)[0]
    filled = Catalogue(64)
    for number in range(FIRST_CAPACITY + 1):
        filled.put(template.model_copy(update={"item_id": f"i{number}", "added_at": EPOCH}))
    assert len(filled) == FIRST_CAPACITY + 1
    assert filled.newest(1, at=LATER) == ["i0"]


def test_what_is_added_later_is_not_new_yet() -> None:
    filled = catalogue(40)
    assert filled.newest(2, at=EPOCH + timedelta(days=10)) == ["i10", "i9"]


def test_a_withdrawn_item_is_known_as_such_until_it_comes_back() -> None:
    filled = catalogue(3)
    profile = filled.get("i1")
    filled.withdraw("i1")
    assert filled.is_withdrawn("i1")
    assert not filled.is_withdrawn("i2")
    filled.put(profile)
    assert not filled.is_withdrawn("i1")


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=60),
)
def test_adding_and_removing_in_any_order_leaves_what_a_dict_would(
    changes: list[tuple[bool, int]],
) -> None:
    known = profiles(10)
    filled, expected = Catalogue(64), {}
    for is_added, number in changes:
        item_id = known[number].item_id
        if is_added:
            filled.put(known[number])
            expected[item_id] = known[number]
        else:
            filled.remove(item_id)
            expected.pop(item_id, None)
        # Newest first, and asked for between any two changes.
        newest = filled.newest(2, at=LATER)
        assert newest == sorted(expected, key=lambda one: -int(one.removeprefix("i")))[:2]
    assert {profile.item_id: profile for profile in filled} == expected
    for item_id, profile in expected.items():
        assert filled.get(item_id) == profile
        vector = embedding_from_bytes(profile.embedding)
        np.testing.assert_array_equal(filled.vectors([item_id])[0], vector)
    assert set(filled.newest(100, at=LATER)) == set(expected)
