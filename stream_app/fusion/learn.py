"""Ranked candidates and what was chosen -> weights, by scikit-learn's logistic regression.

First what the sources say is weighed, from long lists that no model has scored; then the model
beside them, from the short lists that these weights make.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from models.fusion import FEATURES, ModelScores, Opinions, features_of
from schemas.fusion_weights import FusionStage, FusionWeights
from stream_app.fusion.errors import TooFewChoicesError

__all__ = ["Choice", "learn_model", "learn_sources"]

# Where a history begins to tell more; a stage with too few choices is one with that before it.
STARTS = (0, 3, 10, 30)
MIN_CHOICES = 30


@dataclass(frozen=True)
class Choice:
    """A list for a user of so many events, and the row of what the user then turned to.

    `target` is None where the list did not have it.
    """

    num_events: int
    opinions: Opinions
    model_scores: ModelScores
    target: int | None

    @property
    def is_telling(self) -> bool:
        """Whether something was chosen, with something else beside it."""
        return self.target is not None and len(next(iter(self.opinions.values()), ())) > 1


def learn_sources(name: str, choices: Sequence[Choice]) -> FusionWeights:
    """Return weights that tell what users turned to from what they were shown beside it.

    The model weighs nothing yet. Lists without what the user chose, or with nothing else, teach
    nothing and are left out. Each list weighs the same, however long it is.

    Raises:
        TooFewChoicesError: If fewer than 30 lists have what the user then chose.
    """
    telling = [one for one in choices if one.is_telling]
    if len(telling) < MIN_CHOICES:
        raise TooFewChoicesError(
            f"{len(telling)} of {len(choices)} lists have what the user then chose; weights need "
            f"{MIN_CHOICES}: take more users or a longer log"
        )
    stages = []
    for start, end in _stages(telling):
        of_stage = [one for one in telling if start <= one.num_events < end]
        intercept, weights = _fitted(of_stage, with_model=False)
        stages.append(
            FusionStage(
                min_events=start,
                intercept=intercept,
                weights=weights,
                prior_intercept=intercept,
                prior_weights=weights,
            )
        )
    return FusionWeights(name=name, features=FEATURES, stages=tuple(stages))


def learn_model(sources: FusionWeights, choices: Sequence[Choice]) -> FusionWeights:
    """Return the weights with the model weighed beside the sources.

    Args:
        sources: What `learn_sources` found.
        choices: Lists that were made with them and scored by the model. In a stage with fewer than
            30 that have what the user then chose the model goes on weighing nothing.
    """
    starts = [stage.min_events for stage in sources.stages]
    telling = [one for one in choices if one.is_telling and one.model_scores is not None]
    stages = []
    for stage, end in zip(sources.stages, [*starts[1:], float("inf")], strict=True):
        of_stage = [one for one in telling if stage.min_events <= one.num_events < end]
        if len(of_stage) >= MIN_CHOICES:
            intercept, weights = _fitted(of_stage, with_model=True)
            weighed = {"intercept": intercept, "weights": weights}
            stages.append(stage.model_copy(update=weighed))
        else:
            stages.append(stage)
    return sources.model_copy(update={"stages": tuple(stages)})


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
    lists = [features_of(one.opinions, one.model_scores if with_model else None) for one in choices]
    sizes = [len(features) for features in lists]
    targets = [np.arange(size) == one.target for one, size in zip(choices, sizes, strict=True)]
    fitted = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=1000))
    fitted.fit(
        np.concatenate(lists),
        np.concatenate(targets),
        logisticregression__sample_weight=_weights(sizes),
    )
    return _unscaled(fitted)


def _weights(sizes: Sequence[int]) -> NDArray[np.float64]:
    """A list's options together weigh as much as any other list's."""
    return np.repeat(np.mean(sizes) / np.array(sizes, dtype=np.float64), sizes)


def _unscaled(fitted: Pipeline) -> tuple[float, tuple[float, ...]]:
    scaler, model = fitted[0], fitted[1]
    weights = model.coef_[0] / scaler.scale_
    intercept = float(model.intercept_[0] - weights @ scaler.mean_)
    return round(intercept, 6), tuple(round(float(weight), 6) for weight in weights)
