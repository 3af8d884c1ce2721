"""The blend, against scikit-learn's own answers and what it should never do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.fusion import (
    FEATURES,
    Blend,
    EvenBlend,
    Fusion,
    columns,
    features_of,
    weights_name,
)
from schemas.fusion_weights import FusionStage, FusionWeights

SHARE = st.floats(0, 1)


def score(
    blend: Blend, opinions: dict[str, float], model_score: float | None, num_events: int
) -> float:
    """The score of one candidate alone."""
    model_scores = None if model_score is None else np.array([model_score])
    [found] = blend.scores(columns([opinions]), model_scores, num_events)
    return float(found)


def stage(min_events: int, weight: float) -> FusionStage:
    weights = tuple(weight for _ in FEATURES)
    return FusionStage(
        min_events=min_events,
        intercept=-1.0,
        weights=weights,
        prior_intercept=-2.0,
        prior_weights=weights,
    )


def weights(*stages: FusionStage) -> FusionWeights:
    return FusionWeights(name="w", features=FEATURES, stages=stages)


def test_the_stage_is_that_of_the_history() -> None:
    fusion = Fusion(weights(stage(0, 0.0), stage(5, 1.0)))
    early, late = (score(fusion, {"recent": 0.5}, 0.9, number) for number in (4, 5))
    assert early == pytest.approx(0.268941, abs=1e-6)
    assert late > early


def test_without_a_model_the_weights_learned_without_it_count() -> None:
    fusion = Fusion(weights(stage(0, 0.0)))
    assert score(fusion, {"recent": 0.0}, None, 0) == pytest.approx(0.119203, abs=1e-6)


ROWS = st.lists(st.tuples(SHARE, SHARE, SHARE), min_size=1, max_size=30)


@given(rows=ROWS, weight=st.sampled_from([0.3, 1e6]), with_model=st.booleans())
def test_a_score_is_a_share_and_the_same_whoever_stands_beside_it(rows, weight, with_model) -> None:
    fusion = Fusion(weights(stage(0, weight)))
    told = [{"recent": recent, "popular": popular} for recent, popular, _ in rows]
    model_scores = [one for *_, one in rows] if with_model else [None] * len(rows)
    together = fusion.scores(columns(told), np.array(model_scores) if with_model else None, 7)
    assert ((together >= 0) & (together <= 1)).all()
    alone = [score(fusion, said, one, 7) for said, one in zip(told, model_scores, strict=True)]
    assert together.tolist() == alone
    assert (np.abs(features_of(columns(told), None)) < 10).all()


def test_more_of_anything_that_speaks_for_an_item_never_lowers_it() -> None:
    fusion = Fusion(weights(stage(0, 0.3)))
    for name in ("recent", "summary", "taste", "transitions", "popular"):
        scores = [score(fusion, {name: share}, 0.5, 0) for share in (0.0, 0.001, 0.1, 1.0)]
        assert scores == sorted(set(scores)), name


def test_weights_of_other_features_are_refused_by_name() -> None:
    one = FusionStage(
        min_events=0, intercept=0, weights=(1.0,), prior_intercept=0, prior_weights=(1.0,)
    )
    with pytest.raises(ValueError, match=r"weights old are of charm; .* learn them anew"):
        Fusion(FusionWeights(name="old", features=("charm",), stages=(one,)))


@pytest.mark.parametrize("starts", [(1,), (0, 0), (0, 5, 3)])
def test_stages_that_leave_someone_out_are_refused(starts: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="stages begin at 0 events and grow"):
        weights(*(stage(start, 1.0) for start in starts))


def test_until_weights_are_learned_model_and_prior_count_alike() -> None:
    assert score(EvenBlend(), {"recent": 0.25}, 0.75, 3) == 0.5
    assert score(EvenBlend(), {"recent": 0.25}, None, 3) == 0.25


def test_versions_call_weights_by_their_own_name_or_that_of_their_release() -> None:
    learned = weights(stage(0, 0.3))
    assert weights_name(Fusion(learned)) == "w"
    assert weights_name(Fusion(learned, "mine@12345678")) == "mine@12345678"
    assert weights_name(EvenBlend()) is None
