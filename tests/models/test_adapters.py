from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import RELEASE
from models.adapters import adapter_id, assigned, require_fit, user_point
from models.errors import AdapterError
from schemas.versions import Versions

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


@settings(deadline=None, max_examples=40)
@given(shares=shares())
def test_every_name_gets_its_share_and_the_base_weights_get_the_rest(
    shares: dict[str, float],
) -> None:
    answers = [assigned(user, shares) for user in USERS]
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
        was, now = assigned(user, shares), assigned(user, after)
        if was is not None and was <= name:
            assert now == was
        if now is not None and now < name:
            assert was == now


@settings(deadline=None, max_examples=40)
@given(shares=shares())
def test_the_last_name_by_the_order_takes_from_the_base_weights_only(
    shares: dict[str, float],
) -> None:
    after = {**shares, "zzz": 1 - sum(shares.values())}
    for user in USERS[:500]:
        was, now = assigned(user, shares), assigned(user, after)
        assert now == was or (was, now) == (None, "zzz")


@settings(deadline=None, max_examples=40)
@given(user=st.text(), other=st.dictionaries(NAMES, st.just(0.0), max_size=3))
def test_the_extremes_are_nobody_and_everybody(user: str, other: dict[str, float]) -> None:
    assert 0 <= user_point(user) < 1
    assert assigned(user, other) is None
    assert assigned(user, {"all": 1.0}) == "all"


def test_an_answer_is_the_same_in_every_process() -> None:
    """Python's own hash isn't: two workers would answer one user by two adapters."""
    found = [assigned(user, {"a": 0.3, "b": 0.3}) for user in ("ada", "bob", "cleo", "dan")]
    assert found == ["b", "b", None, None]


def test_other_weights_under_the_same_name_are_another_version() -> None:
    assert adapter_id(RELEASE) == "a@00000000"
    assert adapter_id(RELEASE.model_copy(update={"sha256": "1" * 64})) == "a@11111111"


@pytest.mark.parametrize(
    ("base", "prompt", "named"),
    [("m@2", "p1", "m@2"), ("n@1", "p1", "n@1"), ("m@1", "p2", "p2")],
)
def test_an_adapter_for_another_model_or_other_prompts_is_refused_by_its_name(
    base: str, prompt: str, named: str
) -> None:
    with pytest.raises(AdapterError, match=named):
        require_fit(Versions(model="m@1", prompt="p1"), base=base, prompt=prompt)


def test_another_precision_of_the_same_weights_is_no_other_model() -> None:
    served = Versions(model="org/m@1:bfloat16", prompt="p1")
    require_fit(served, base="org/m@1", prompt="p1")
    require_fit(served, base=None, prompt=None)
