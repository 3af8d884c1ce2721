"""Simulated shoppers: repeatable, moved by what they see, and changing their minds."""

import re
from collections import defaultdict
from dataclasses import fields
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.demo.garments import draw_catalogue
from stream_app.demo.shoppers import Shopper, make_shoppers, simulate_log
from stream_app.demo.tastes import Taste, blended, draw_taste

CATALOGUE = list(draw_catalogue(400))
BY_ID = {item.item_id: item for item in CATALOGUE}

lists_shown = st.lists(st.lists(st.sampled_from(CATALOGUE), max_size=10), min_size=1, max_size=12)
seeds = st.integers(-(2**40), 2**40)


def best_for(shopper: Shopper, num: int = 10) -> list:
    return sorted(CATALOGUE, key=shopper.utility, reverse=True)[:num]


@given(seed=seeds, shown=lists_shown)
def test_the_same_lists_lead_to_the_same_interactions(seed, shown):
    one, twin = Shopper("ada", seed=seed), Shopper("ada", seed=seed)
    for items in shown:
        assert one.next_interaction(items, CATALOGUE) == twin.next_interaction(items, CATALOGUE)


@given(seed=seeds, shown=lists_shown)
def test_what_is_picked_was_there_to_pick(seed, shown):
    shopper, corner = Shopper("ada", seed=seed), CATALOGUE[:30]
    for items in shown:
        picked, _ = shopper.next_interaction(items, corner)
        assert picked in items or picked in corner


@given(seed=seeds, step=st.integers(0, 400), item=st.sampled_from(CATALOGUE))
def test_utilities_lie_between_0_and_1(seed, step, item):
    assert 0 <= Shopper("ada", seed=seed).taste_at(step).utility(item) <= 1


@given(seed=seeds, steps=st.lists(st.integers(0, 400), min_size=2, max_size=6))
def test_a_taste_does_not_depend_on_when_it_is_asked_for(seed, steps):
    shopper, twin = Shopper("ada", seed=seed), Shopper("ada", seed=seed)
    assert [shopper.taste_at(step) for step in steps] == [
        twin.taste_at(step) for step in reversed(steps)
    ][::-1]


@given(seed=st.integers(0, 2**32), share=st.floats(0, 1), item=st.sampled_from(CATALOGUE))
def test_a_blend_lies_between_what_it_is_made_of(seed, share, item):
    rng = np.random.default_rng(seed)
    old, new = draw_taste(rng), draw_taste(rng)
    low, high = sorted((old.utility(item), new.utility(item)))
    assert low - 1e-9 <= blended(old, new, share).utility(item) <= high + 1e-9


def test_different_people_want_different_things():
    ada, bruno = make_shoppers(2)
    assert ada.taste != bruno.taste


def test_an_empty_list_is_browsed_past():
    picked, _ = Shopper("ada", seed=1).next_interaction((), CATALOGUE)
    assert picked in CATALOGUE


def test_without_a_catalogue_the_list_is_all_there_is():
    shopper, shown = Shopper("ada", seed=1), CATALOGUE[:3]
    assert all(shopper.next_interaction(shown, ())[0] in shown for _ in range(20))


def test_nothing_to_look_at_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        Shopper("ada", seed=1).next_interaction((), ())


def test_good_lists_keep_shoppers_and_bad_lists_lose_them():
    stays = {}
    for name, reverse in (("good", True), ("bad", False)):
        stayed = 0
        for shopper in make_shoppers(10):
            for _ in range(30):
                shown = sorted(CATALOGUE, key=shopper.utility, reverse=reverse)[:10]
                stayed += shopper.next_interaction(shown, CATALOGUE)[0] in shown
        stays[name] = stayed / 300
    assert stays["good"] > 0.6
    assert stays["bad"] < 0.1


def test_what_is_liked_has_more_utility_than_what_is_not():
    utilities = defaultdict(list)
    for shopper in make_shoppers(20):
        for _ in range(60):
            taste = shopper.taste
            picked, kind = shopper.next_interaction((), CATALOGUE)
            utilities[kind].append(taste.utility(picked))
    mean = {kind: np.mean(values) for kind, values in utilities.items()}
    assert set(mean) == {"view", "click", "like", "dislike", "purchase"}
    assert mean["purchase"] > mean["like"] > mean["view"] > mean["dislike"]
    assert mean["like"] - mean["dislike"] > 0.15


def test_nobody_picks_one_garment_for_ever():
    shopper = Shopper("ada", seed=1)
    picked = [shopper.next_interaction(best_for(shopper), CATALOGUE)[0] for _ in range(20)]
    assert len(set(picked)) >= 8


def test_drift_changes_what_is_picked():
    """What was picked early fits the early taste, what is picked late fits the late one."""
    margins = {"early": [], "late": []}
    for shopper in make_shoppers(30):
        early, late = shopper.taste_at(0), shopper.taste_at(150)
        for step in range(170):
            picked, _ = shopper.next_interaction((), CATALOGUE)
            margin = early.utility(picked) - late.utility(picked)
            if step < 20:
                margins["early"].append(margin)
            elif step >= 150:
                margins["late"].append(margin)
    assert np.mean(margins["early"]) > 0.1
    assert np.mean(margins["late"]) < -0.1


def test_some_tastes_change_at_once_and_some_gradually():
    jumps = [largest_change(shopper) for shopper in make_shoppers(40)]
    assert min(jumps) < 0.2
    assert max(jumps) > 0.6


def largest_change(shopper: Shopper) -> float:
    """The most that a colour's weight changes in one of the first 60 steps."""
    tastes = [shopper.taste_at(step) for step in range(60)]
    return max(
        abs(new.colours[colour] - old.colours[colour])
        for old, new in pairwise(tastes)
        for colour in old.colours
    )


def test_a_log_is_the_same_for_the_same_seed():
    logs = [list(simulate_log(make_shoppers(5), CATALOGUE, 80, seed)) for seed in (1, 1, 2)]
    assert logs[0] == logs[1] != logs[2]


def test_a_log_counts_its_steps_and_names_known_items_and_users():
    log = list(simulate_log(make_shoppers(5), CATALOGUE, 80, seed=1))
    assert [event.step for event in log] == list(range(80))
    assert {event.item_id for event in log} <= BY_ID.keys()
    assert {event.user_id for event in log} == {"ada", "bruno", "chiara", "dmitri", "elif"}


def test_user_ids_are_names_and_stay_unique():
    user_ids = [shopper.user_id for shopper in make_shoppers(200)]
    assert user_ids[0] == "ada"
    assert user_ids[26] == "ada-2"
    assert len(set(user_ids)) == 200
    assert all(re.fullmatch(r"[a-z]+(-\d+)?", user_id) for user_id in user_ids)


def test_more_shoppers_leave_the_first_as_they_are():
    assert [shopper.taste for shopper in make_shoppers(9)[:4]] == [
        shopper.taste for shopper in make_shoppers(4)
    ]


def test_a_taste_is_readable():
    taste = Taste(
        colours={"blue": 0.9, "navy": 0.8, "red": 0.1},
        patterns={"striped": 1.0, "plain": 0.2},
        kinds={"shirt": 0.9, "dress": 0.7, "shoes": 0.1},
        styles={"sporty": 0.3, "casual": 0.2},
    )
    assert taste.describe() == "blue and navy, striped; likes shirts and dresses; any style"


def test_weights_of_drawn_tastes_lie_between_0_and_1():
    taste = draw_taste(np.random.default_rng(0))
    for field in fields(taste):
        assert all(0 <= weight <= 1 for weight in getattr(taste, field.name).values())
