"""What is learned, from lists whose rule is known."""

from dataclasses import replace

import numpy as np
import pytest

from models.fusion import FEATURES, Fusion
from schemas.fusion_weights import FusionWeights
from stream_app.fusion.errors import TooFewChoicesError
from stream_app.fusion.learn import Choice, learn_model, learn_sources


def choices(number: int, *, seed: int, flips_at: int = 20) -> list[Choice]:
    """Short histories choose what the model says, long ones what the transitions say."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(number):
        num_events = int(rng.integers(60))
        scores, followed = rng.random(10), rng.random(10)
        best = int(np.argmax(scores if num_events < flips_at else followed))
        made.append(Choice(num_events, {"transitions": followed}, scores, best))
    return made


def learn(lists: list[Choice]) -> FusionWeights:
    """The model learned from the lists that the sources were."""
    return learn_model(learn_sources("w", lists), lists)


def hits(fusion: Fusion, asked: list[Choice], *, with_model: bool = True) -> float:
    """The share of lists with the target first."""
    first = [
        np.argmax(
            fusion.scores(one.opinions, one.model_scores if with_model else None, one.num_events)
        )
        == one.target
        for one in asked
    ]
    return float(np.mean(first))


def test_it_learns_which_source_to_trust_by_the_length_of_the_history() -> None:
    learned = learn(choices(1500, seed=1))
    fusion, asked = Fusion(learned), choices(600, seed=2)
    assert hits(fusion, [one for one in asked if one.num_events < 10]) > 0.9
    assert hits(fusion, [one for one in asked if one.num_events >= 30]) > 0.9
    first, last = learned.stages[0], learned.stages[-1]
    model, followed = FEATURES.index("model"), FEATURES.index("transitions")
    assert first.weights[model] > first.weights[followed]
    assert last.weights[model] < last.weights[followed]


def test_without_the_model_the_rest_goes_on() -> None:
    learned = learn(choices(1500, seed=1))
    asked = [one for one in choices(600, seed=2) if one.num_events >= 30]
    assert hits(Fusion(learned), asked, with_model=False) > 0.9
    assert all(stage.prior_weights[0] == 0 for stage in learned.stages)


def test_the_same_lists_give_the_same_weights() -> None:
    assert learn(choices(200, seed=1)) == learn(choices(200, seed=1))


def test_stages_with_too_little_to_learn_from_are_one() -> None:
    assert [stage.min_events for stage in learn(choices(60, seed=1)).stages] == [0]


def test_lists_without_the_target_teach_nothing_and_too_few_are_refused() -> None:
    lists = choices(120, seed=1)
    missed = [replace(one, target=None) for one in lists[20:]]
    with pytest.raises(TooFewChoicesError, match=r"20 of 120 lists .* weights need 30"):
        learn_sources("w", lists[:20] + missed)


def test_where_too_few_lists_were_scored_the_model_weighs_nothing() -> None:
    lists = choices(400, seed=1, flips_at=0)
    sources = learn_sources("w", lists)
    assert learn_model(sources, lists[:20]) == sources
    unscored = [replace(one, model_scores=None) for one in lists]
    assert learn_model(sources, unscored) == sources
