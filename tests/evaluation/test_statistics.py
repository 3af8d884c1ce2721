import numpy as np
import pytest

from stream_app.evaluation.statistics import adjusted, compare, estimate

RNG_SEED = 3


def by_user(num_users: int, num_each: int, spread: float) -> tuple[np.ndarray, list[str]]:
    """Values that lie apart by user only."""
    rng = np.random.default_rng(RNG_SEED)
    values = np.repeat(rng.normal(0.5, spread, num_users), num_each)
    return values, [f"u{number}" for number in range(num_users) for _ in range(num_each)]


def test_repeating_a_users_values_makes_nothing_surer():
    once, many = (estimate(*by_user(30, num_each, 0.2)) for num_each in (1, 50))
    assert many.high - many.low == pytest.approx(once.high - once.low)
    assert (once.num_queries, many.num_queries, many.num_users) == (30, 1500, 30)


def test_the_interval_holds_the_truth_about_nineteen_times_of_twenty():
    rng = np.random.default_rng(RNG_SEED)
    held = 0
    for _ in range(200):
        values = np.repeat(rng.normal(0.5, 0.2, 40), rng.integers(1, 6, 40))
        users = [str(one) for one in values]
        found = estimate(values, users)
        held += found.low <= 0.5 <= found.high
    assert 180 <= held <= 198


def test_one_user_has_no_interval():
    found = estimate(np.array([0.0, 1.0]), ["u", "u"])
    assert (found.mean, found.low, found.high) == (0.5, None, None)


def test_the_same_seed_gives_the_same_interval():
    assert estimate(*by_user(20, 2, 0.2)) == estimate(*by_user(20, 2, 0.2))


def test_a_system_is_not_told_apart_from_itself():
    values, users = by_user(20, 3, 0.2)
    found = compare(values, values, users)
    assert (found.difference.mean, found.p_value) == (0.0, 1.0)


def test_a_small_gain_of_every_user_is_found_and_signed():
    values, users = by_user(20, 3, 0.2)
    found = compare(values - 0.01, values, users)
    assert found.difference.mean == pytest.approx(-0.01)
    assert found.difference.high < 0
    assert found.p_value < 0.01


def test_one_users_many_queries_prove_nothing():
    values = np.zeros(101)
    users = [f"u{number}" for number in range(20)] + ["eager"] * 81
    gained = np.where(np.array(users) == "eager", 1.0, 0.0)
    assert compare(gained, values, users).p_value == pytest.approx(1.0, abs=0.02)


def test_many_comparisons_make_each_less_sure():
    assert adjusted([0.01, 0.04, 0.5]) == pytest.approx([0.03, 0.06, 0.5])
    assert adjusted([]) == []
