"""The benchmark's own arithmetic, with an engine that compares words."""

import numpy as np
import pytest

from benchmarks.default_model import yardstick
from benchmarks.default_model.hostile import ATTACKS, NUM_PER_ATTACK, rank_shifts
from benchmarks.default_model.ranking import (
    Pair,
    Run,
    Shop,
    agreement,
    auc,
    most_popular,
    profiles_of,
    replay,
)
from models.engine import ScoreRequest, Taste
from models.weightless import WeightlessEngine
from stream_app.default_model.shoppers import profile_of
from stream_app.demo.garments import draw_catalogue

GARMENTS = list(draw_catalogue(40, seed=3))
ENGINE = WeightlessEngine()
LINES = ("Alder shirt: A casual red plain shirt", "Wren coat: An elegant blue coat")


def nothing(*_told: object) -> None:
    """Tell nobody."""


@pytest.fixture(scope="module")
def shop() -> Shop:
    return Shop(GARMENTS, {one.item_id: profile_of(one) for one in GARMENTS})


@pytest.fixture(scope="module")
def run(shop: Shop) -> Run:
    return replay(ENGINE, shop, num_shoppers=6, num_warm=12, num_scored=10, progress=nothing)


def pair(user: str, taken: float, drawn: float) -> Pair:
    return Pair(user, GARMENTS[0], GARMENTS[1], taken, drawn)


def test_the_area_is_how_often_what_was_taken_scores_higher() -> None:
    pairs = [pair(user, 0.9, 0.1) for user in "abc"]
    assert auc(pairs)[0] == 1.0
    assert auc([pair(user, 0.1, 0.9) for user in "abc"])[0] == 0.0
    assert auc([pair(user, 0.5, 0.5) for user in "abc"]) == (0.5, 0.5, 0.5)
    area, low, high = auc([*pairs, pair("d", 0.2, 0.8)])
    assert low <= area <= high


def test_a_pair_is_scored_before_its_event_counts(shop: Shop, monkeypatch) -> None:
    """Else what was taken would stand in the prompt that asks about it."""
    asked = []
    monkeypatch.setattr(
        WeightlessEngine,
        "score",
        lambda _, requests: asked.extend(requests) or [[0, 0]] * len(requests),
    )
    first = replay(ENGINE, shop, num_shoppers=6, num_warm=0, num_scored=1, progress=nothing)
    assert len(asked) == len(first.pairs) > 0
    assert all(request.recent == () and request.taste.likes == () for request in asked)


def test_words_that_tell_colours_rank_better_than_chance(run: Run) -> None:
    assert auc(run.pairs)[0] > 0.5
    assert all(one.taken != one.drawn for one in run.pairs)


def test_popularity_is_counted_from_others(run: Run, shop: Shop) -> None:
    popular = most_popular(run.pairs, shop)
    assert [one.taken for one in popular] == [one.taken for one in run.pairs]
    assert max(one.score_taken for one in popular) > 1


def test_agreement_counts_favourites(run: Run) -> None:
    for counted in (False, True):
        precision, recall = agreement(run, counted=counted)
        assert 0 < recall <= 1
        assert 0 < precision <= 1


def test_shifts_are_ranks_won(run: Run, shop: Shop) -> None:
    shifts = rank_shifts(ENGINE, shop, run)
    assert shifts.by_attack.shape == shifts.by_words.shape == (len(ATTACKS) * NUM_PER_ATTACK,)
    assert np.abs(shifts.by_attack).max() < 20
    assert (shifts.by_words != 0).any()


def test_without_pictures_profiles_are_the_shops_words() -> None:
    profiles = profiles_of(ENGINE, GARMENTS[:3], with_pictures=False, progress=nothing)
    assert [one.title for one in profiles.values()] == [one.title for one in GARMENTS[:3]]
    assert all(one.attributes == {} for one in profiles.values())


def test_the_yardstick_learns_from_others_what_the_prompt_shows(shop: Shop, monkeypatch) -> None:
    monkeypatch.setattr(yardstick, "NUM_SHOPPERS", 80)
    trees = yardstick.Yardstick(GARMENTS, progress=nothing)
    liking = ScoreRequest("", (), Taste(("colour=red", "style=casual"), ("colour=blue",)), LINES)
    assert yardstick._ranks(liking).tolist() == [
        [0.0, 99.0, 99.0, 1.0, 99.0, 99.0, 99.0, 99.0],
        [99.0, 99.0, 99.0, 99.0, 0.0, 99.0, 99.0, 99.0],
    ]
    scores = trees.score([liking])
    assert len(scores[0]) == len(LINES)
    assert all(0.0 <= one <= 1.0 for one in scores[0])
    others = replay(trees, shop, num_shoppers=20, num_warm=12, num_scored=10, progress=nothing)
    assert auc(others.pairs)[0] > 0.55
