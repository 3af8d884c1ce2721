"""Who gets what is released."""

from collections import Counter
from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import RELEASE
from models.releases import Released, assigned, release_id, user_point

KINDS = get_args(Released)
USERS = [f"user-{number}" for number in range(4000)]
NAMES = st.text("abcdefgh", min_size=1, max_size=4)


@st.composite
def shares(draw: st.DrawFn) -> dict[str, float]:
    """Names whose shares add up to 1 at most, as the tool allows."""
    cuts = sorted(draw(st.lists(st.integers(0, 100), min_size=1, max_size=5)))
    names = draw(st.lists(NAMES, min_size=len(cuts), max_size=len(cuts), unique=True))
    ends = [0, *cuts]
    return {
        name: (end - start) / 100 for name, (start, end) in zip(names, pairwise(ends), strict=True)
    }


@pytest.mark.parametrize("of", KINDS)
@settings(deadline=None, max_examples=40)
@given(shares=shares())
def test_every_name_gets_its_share_and_no_name_the_rest(
    of: Released, shares: dict[str, float]
) -> None:
    answers = [assigned(user, shares, of=of) for user in USERS]
    expected = {**shares, None: 1 - sum(shares.values())}
    for name, share in expected.items():
        # Four standard deviations of a share of 4000 users.
        assert answers.count(name) / len(USERS) == pytest.approx(share, abs=0.033)


@settings(deadline=None, max_examples=40)
@given(shares=shares(), name=NAMES, share=st.integers(0, 100))
def test_a_new_name_moves_users_to_it_and_only_from_names_behind_it(
    shares: dict[str, float], name: str, share: int
) -> None:
    room = 1 - sum(shares.values())
    after = {**shares, name: shares.get(name, 0.0) + share / 100 * room}
    for user in USERS[:500]:
        was, now = assigned(user, shares, of="fusion"), assigned(user, after, of="fusion")
        if was is not None and was <= name:
            assert now == was
        if now is not None and now < name:
            assert was == now


@settings(deadline=None, max_examples=40)
@given(shares=shares())
def test_the_last_name_by_the_order_takes_from_no_other_name(
    shares: dict[str, float],
) -> None:
    after = {**shares, "zzz": 1 - sum(shares.values())}
    for user in USERS[:500]:
        was, now = assigned(user, shares, of="fusion"), assigned(user, after, of="fusion")
        assert now == was or (was, now) == (None, "zzz")


@settings(deadline=None, max_examples=40)
@given(user=st.text(), other=st.dictionaries(NAMES, st.just(0.0), max_size=3))
def test_the_extremes_are_nobody_and_everybody(user: str, other: dict[str, float]) -> None:
    assert 0 <= user_point(user, of="fusion") < 1
    assert assigned(user, other, of="fusion") is None
    assert assigned(user, {"all": 1.0}, of="fusion") == "all"


@pytest.mark.parametrize(
    ("of", "expected"),
    [("adapter", ["b", "b", None, None]), ("fusion", ["a", "a", None, "b"])],
)
def test_an_answer_is_the_same_in_every_process(of: Released, expected: list[str | None]) -> None:
    """Python's own hash isn't: two workers would answer one user by two releases."""
    shares = {"a": 0.3, "b": 0.3}
    found = [assigned(user, shares, of=of) for user in ("ada", "bob", "cleo", "dan")]
    assert found == expected


def test_who_has_an_adapter_says_nothing_of_who_has_weights() -> None:
    """Or what one experiment finds would be the other's doing."""
    shares = {"a": 0.5}
    by_both = Counter(
        (assigned(user, shares, of="adapter"), assigned(user, shares, of="fusion"))
        for user in USERS
    )
    assert len(by_both) == 4
    for number in by_both.values():
        # Four standard deviations.
        assert number / len(USERS) == pytest.approx(0.25, abs=0.028)


def test_other_weights_under_the_same_name_are_another_version() -> None:
    assert release_id(RELEASE) == "a@00000000"
    assert release_id(RELEASE.model_copy(update={"sha256": "1" * 64})) == "a@11111111"
