"""Ranked candidates and what was chosen -> weights, by scikit-learn's logistic regression."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from models.fusion import FEATURES, features_of
from schemas.fusion_weights import FusionStage, FusionWeights
from stream_app.fusion.errors import TooFewChoicesError

__all__ = ["Choice", "Option", "learn"]

# Where a history begins to tell more; a stage with too few choices is one with that before it.
STARTS = (0, 3, 10, 30)
MIN_CHOICES = 30
MODEL = FEATURES.index("model")


@dataclass(frozen=True)
class Option:
    """A candidate as it was ranked, and whether the user turned to it."""

    opinions: Mapping[str, float]
    model_score: float | None
    is_target: bool


@dataclass(frozen=True)
class Choice:
    """A list that was ranked for a user of so many events, with what the user then chose in it."""

    num_events: int
    options: Sequence[Option]


def learn(name: str, choices: Sequence[Choice]) -> FusionWeights:
    """Return weights that tell what users turned to from what they were shown beside it.

    Lists without what the user chose, or with nothing else, teach nothing and are left out. Each
    list weighs the same, however long it is.

    Raises:
        TooFewChoicesError: If fewer than 30 lists have what the user then chose.
    """
    telling = [one for one in choices if len({option.is_target for option in one.options}) > 1]
    if len(telling) < MIN_CHOICES:
        raise TooFewChoicesError(
            f"{len(telling)} of {len(choices)} lists have what the user then chose; weights need "
            f"{MIN_CHOICES}: take more users or a longer log"
        )
    stages = []
    for start, end in _stages(telling):
        of_stage = [one for one in telling if start <= one.num_events < end]
        intercept, weights = _fitted(of_stage, with_model=True)
        prior_intercept, prior_weights = _fitted(of_stage, with_model=False)
        stages.append(
            FusionStage(
                min_events=start,
                intercept=intercept,
                weights=weights,
                prior_intercept=prior_intercept,
                prior_weights=prior_weights,
            )
        )
    return FusionWeights(name=name, features=FEATURES, stages=tuple(stages))


def _stages(choices: Sequence[Choice]) -> list[tuple[int, float]]:
    """Return from how many events to below how many a stage goes, each with enough choices."""
    bounds = [*STARTS, float("inf")]
    starts = [0]
    for start, end in zip(STARTS[1:], bounds[2:], strict=True):
        num_before = sum(starts[-1] <= one.num_events < start for one in choices)
        num_within = sum(start <= one.num_events < end for one in choices)
        if min(num_before, num_within) >= MIN_CHOICES:
            starts.append(start)
    return list(zip(starts, [*starts[1:], float("inf")], strict=True))


def _fitted(choices: Sequence[Choice], *, with_model: bool) -> tuple[float, tuple[float, ...]]:
    """Return intercept and weights; without the model its weight is 0."""
    rows = [features_of(o.opinions, o.model_score) for one in choices for o in one.options]
    features = np.array(rows)
    if not with_model:
        features[:, MODEL] = 0.0
    targets = np.array([option.is_target for one in choices for option in one.options])
    sizes = [len(one.options) for one in choices]
    fitted = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=1000))
    fitted.fit(features, targets, logisticregression__sample_weight=_weights(sizes))
    return _unscaled(fitted)


def _weights(sizes: Sequence[int]) -> NDArray[np.float64]:
    """A list's options together weigh as much as any other list's."""
    return np.repeat(np.mean(sizes) / np.array(sizes, dtype=np.float64), sizes)


def _unscaled(fitted: Pipeline) -> tuple[float, tuple[float, ...]]:
    scaler, model = fitted[0], fitted[1]
    weights = model.coef_[0] / scaler.scale_
    intercept = float(model.intercept_[0] - weights @ scaler.mean_)
    return round(intercept, 6), tuple(round(float(weight), 6) for weight in weights)
