from itertools import combinations

import numpy as np
import pytest
from evaluation.made import asked, listed
from hypothesis import given
from hypothesis import strategies as st

from schemas.item import Item
from stream_app.evaluation.beyond_accuracy import (
    beyond_accuracy,
    coverage,
    diversity,
    novelty,
    popularity_bias,
)
from stream_app.evaluation.calibration import expected_calibration_error

CATEGORIES = {"a": ("x",), "b": ("x", "y"), "c": ("z",), "d": (), "e": ("x", "y", "z")}
ITEMS = {one: Item(item_id=one, title=one, categories=names) for one, names in CATEGORIES.items()}


@given(st.lists(st.lists(st.sampled_from("abcdef"), unique=True, max_size=6), max_size=5))
def test_diversity_is_the_mean_jaccard_distance_of_pairs(lists):
    of_lists = []
    for listed_ids in lists:
        known = [set(CATEGORIES[one]) for one in listed_ids if CATEGORIES.get(one)]
        pairs = [1 - len(one & two) / len(one | two) for one, two in combinations(known, 2)]
        of_lists += [np.mean(pairs)] if pairs else []
    found = diversity(lists, ITEMS)
    assert (found is None) == (not of_lists)
    if found is not None:
        assert found == pytest.approx(np.mean(of_lists), abs=1e-6)


def test_coverage_counts_each_item_of_the_catalogue_once():
    assert coverage([["a", "b"], ["b", "gone"]], {"a", "b", "c", "d"}) == 0.5


def test_popularity_and_novelty_of_a_list():
    counts = {"a": 6, "b": 2}
    assert popularity_bias([["a", "b"], ["c"]], counts) == 2.0
    # a is in 6 of 8 events, b in 2, c counts as if it were in one.
    expected = ((np.log2(8 / 6) + np.log2(8 / 2)) / 2 + np.log2(8)) / 2
    assert novelty([["a", "b"], ["c"]], counts) == pytest.approx(expected)


def test_without_any_list_there_is_nothing_to_say():
    found = beyond_accuracy([listed("q", {})], [], {})
    assert found["coverage@10"] == 0
    assert [found[name] for name in ("popularity@10", "novelty@10", "diversity@10")] == [None] * 3


def test_calibration_error_is_the_gap_between_score_and_share_of_hits():
    queries = [asked("a", query_id=f"q{number}") for number in range(4)]
    # Sure of itself and right in one of four.
    answers = [
        listed(query.query_id, {"a" if number == 0 else "b": 0.95})
        for number, query in enumerate(queries)
    ]
    assert expected_calibration_error(queries, answers) == pytest.approx(0.7)


def test_scores_beyond_one_are_no_probabilities():
    assert expected_calibration_error([asked("a")], [listed("q", {"a": 7.0})]) is None
