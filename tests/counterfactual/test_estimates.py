"""What is estimated of another policy, against what that policy is known to bring."""

from datetime import timedelta

import numpy as np
import pytest
from counterfactual.simulation import LENGTH, World, by_taste, simulate

from models.fusion import Blend, EvenBlend, Fusion
from schemas.recommendation import Recommendation
from stream_app.counterfactual.errors import CounterfactualError
from stream_app.counterfactual.estimates import Figure, Found, Lists, evaluate
from stream_app.counterfactual.logged import lists_with_clicks, logged, require_exploration
from stream_app.counterfactual.policy import list_of
from stream_app.evaluation.statistics import estimate

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def world() -> World:
    return simulate(4000, share=0.5, seed=11)


def usable(world: World, blend: Blend) -> Lists:
    return lists_with_clicks([logged(one, blend) for one in world.lists], world.events, HOUR)


def holds(figure: Figure, value: float) -> bool:
    assert figure.low is not None
    assert figure.high is not None
    return figure.low <= value <= figure.high


def naive(lists: Lists) -> float:
    """Clicks where both lists have the same item, as if that were a matter of chance."""
    is_same = lists.weights > 0
    return float(((is_same * lists.clicks).sum(axis=0) / is_same.sum(axis=0)).sum())


def test_the_other_policys_true_value_is_within_its_interval(world: World) -> None:
    lists = usable(world, Fusion(by_taste()))
    found = evaluate(lists)
    assert holds(found.of_lists.ips, world.value)
    assert holds(found.of_lists.snips, world.value)
    assert holds(found.gain_snips, world.value - lists.clicks.sum() / len(lists.clicks))
    assert not holds(found.of_lists.ips, naive(lists))
    assert not holds(found.of_lists.snips, naive(lists))
    # What was shown brings less, and that is seen.
    assert found.gain_snips.low is not None
    assert found.gain_snips.low > 0


def test_the_policy_in_use_is_found_to_bring_what_it_brought(world: World) -> None:
    found = evaluate(usable(world, EvenBlend()))
    unexplored = simulate(4000, share=0, seed=12)
    brought = len(unexplored.events) / len(unexplored.lists)
    for one in (found.of_lists.ips, found.of_lists.snips):
        assert holds(one, brought)


def test_the_weights_in_use_make_the_list_that_was_shown_where_nothing_was_drawn(world) -> None:
    undrawn = [one for one in world.lists[:500] if not told(one).is_drawn]
    assert undrawn
    for one in undrawn:
        assert list_of(EvenBlend(), one, told(one)) == tuple(i.item_id for i in one.items)


def told(one: Recommendation):
    assert one.exploration is not None
    return one.exploration


def test_weights_are_one_in_the_mean(world: World) -> None:
    found = usable(world, Fusion(by_taste())).weights.mean(axis=0)
    assert found == pytest.approx(np.ones(LENGTH), abs=0.15)


def test_the_interval_is_that_of_a_cluster_bootstrap_by_scipy(world: World) -> None:
    lists = usable(world, Fusion(by_taste()))
    found = evaluate(lists).of_lists.ips
    by_scipy = estimate((lists.weights * lists.clicks).sum(axis=1), list(lists.user_ids))
    width = (by_scipy.high or 0) - (by_scipy.low or 0)
    assert found.value == pytest.approx(by_scipy.mean)
    assert found.low == pytest.approx(by_scipy.low, abs=width / 10)
    assert found.high == pytest.approx(by_scipy.high, abs=width / 10)


def made(is_place, clicks, weights, users="abcd") -> Lists:
    arrays = [np.array(one, dtype=float) for one in (is_place, clicks, weights)]
    return Lists(list(users[: len(clicks)]), *arrays)


def test_the_arithmetic_by_hand() -> None:
    lists = made(
        [[1, 1], [1, 1], [1, 0], [1, 0]],
        [[1, 0], [0, 1], [1, 0], [0, 0]],
        [[2, 0], [0, 4], [1, 0], [1, 0]],
    )
    first, second = evaluate(lists).of_places
    assert (first.shown.value, first.ips.value, first.snips.value) == (0.5, 0.75, 0.75)
    assert (second.shown.value, second.ips.value, second.snips.value) == (0.5, 2, 1)
    assert (first.effective, first.num_matched) == (pytest.approx(16 / 6), 3)
    found = evaluate(lists)
    assert found.of_lists.shown.value == 0.75
    assert found.of_lists.ips.value == 1.75
    assert found.of_lists.snips.value == 1.25
    assert found.gain_ips.value == 1
    assert found.gain_snips.value == 0.5
    assert (found.of_lists.num_matched, found.of_lists.effective) == (1, 1)


def test_clipping_is_counted_and_lowers_the_estimate() -> None:
    lists = made([[1], [1]], [[1], [0]], [[10], [1]])
    found = evaluate(lists, clip=4)
    assert (found.num_clipped, found.max_weight) == (1, 10)
    assert found.of_lists.ips.value == 2


def test_a_place_without_support_has_no_snips_and_says_so() -> None:
    found = evaluate(made([[1], [1]], [[1], [0]], [[0], [0]]))
    assert found.of_lists.snips == Figure(None)
    assert (found.of_lists.num_matched, found.of_lists.effective) == (0, 0.0)


def test_one_user_alone_has_no_interval() -> None:
    found: Found = evaluate(made([[1], [1]], [[1], [0]], [[1], [1]], users="aa"))
    assert found.of_lists.ips == Figure(0.5)


def test_lists_without_exploration_tell_nothing() -> None:
    blend = EvenBlend()
    plain = [logged(one, blend) for one in simulate(16, share=0, seed=1).lists]
    with pytest.raises(CounterfactualError, match=r"none of 16 lists .* STREAM_APP_EXPLORATION"):
        require_exploration(plain)
    with pytest.raises(CounterfactualError, match="no recommendations"):
        require_exploration([])
