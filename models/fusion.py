"""Model, sources and context -> one score: a logistic model by length of history.

A language model ranks well for short histories and loses to counts for long ones, so no one weight
is right for all (docs/adr/0013-fusion.md).
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from schemas.fusion_weights import FusionWeights

__all__ = [
    "FEATURES",
    "Blend",
    "EvenBlend",
    "Fusion",
    "ModelScores",
    "Opinions",
    "columns",
    "features_of",
    "prior_of",
    "require_fit",
    "weights_name",
]

# By source what it says of each candidate, `(candidates,)` in `[0, 1]`; who says nothing of any
# is left out.
Opinions = Mapping[str, NDArray[np.float64]]
# What a model says of each, `(candidates,)` in `[0, 1]`; None where it gave no scores.
ModelScores = NDArray[np.float64] | None

# What is compared by vectors, counted of the user, and counted of everybody.
OPINIONS = ("recent", "summary", "taste", "transitions", "popular")
FEATURES = ("model", *OPINIONS, "agreement")
# Shares of a highest count fall off steeply: 1 in 1,000 is still a third of the scale.
STEEP = 1000.0
COUNTED = {"transitions", "popular"}
NEAREST_TO_CERTAIN = 1e-4
EVEN_DIGITS = 6
LEARNED_DIGITS = 9


def columns(of_candidates: Sequence[Mapping[str, float]]) -> Opinions:
    """Return by source what is told by candidate; all candidates have the same sources."""
    return {
        name: np.array([said[name] for said in of_candidates])
        for name in (of_candidates[0] if of_candidates else ())
    }


def prior_of(opinions: Opinions) -> NDArray[np.float64]:
    """Return what the sources say together, their mean, `(candidates,)` in `[0, 1]`."""
    return np.mean(list(opinions.values()), axis=0) if opinions else np.zeros(0)


def features_of(opinions: Opinions, model_scores: ModelScores) -> NDArray[np.float64]:
    """Return the candidates' features, `(candidates, features)` in the order of `FEATURES`.

    A source that says nothing counts as 0, a model that gave no scores as undecided.
    """
    num_candidates = len(next(iter(opinions.values()), ()))
    nothing = np.zeros(num_candidates)
    said = [_spread(name, opinions.get(name, nothing)) for name in OPINIONS]
    model = nothing if model_scores is None else _logit(model_scores)
    agreement = np.mean(np.array(said) > 0, axis=0)
    return np.column_stack([model, *said, agreement])


class Blend(Protocol):
    """Makes one score of what the model and the sources say; `name` tells which weights."""

    @property
    def name(self) -> str:
        """Which weights these are."""
        ...

    def scores(
        self, opinions: Opinions, model_scores: ModelScores, num_events: int
    ) -> NDArray[np.float64]:
        """Return the candidates' scores, `(candidates,)` in `[0, 1]`.

        Args:
            opinions: What each source says of them.
            model_scores: p(yes), None where the model gave none.
            num_events: The length of the user's history.
        """
        ...


class EvenBlend:
    """What is used until weights are learned: model and prior count alike."""

    name = "even"

    def scores(
        self, opinions: Opinions, model_scores: ModelScores, num_events: int
    ) -> NDArray[np.float64]:
        """Return the means of both, the prior alone where there is no other."""
        del num_events
        prior = prior_of(opinions)
        both = prior if model_scores is None else (prior + model_scores) / 2
        return np.round(both, EVEN_DIGITS)


class Fusion:
    """Scores candidates with learned weights, under their own name if not under another.

    Raises:
        ValueError: If the weights are of other features than this version has.
    """

    def __init__(self, weights: FusionWeights, name: str | None = None) -> None:
        require_fit(weights)
        self.name = name or weights.name
        self._stages = weights.stages
        self._starts = [stage.min_events for stage in weights.stages]

    def scores(
        self, opinions: Opinions, model_scores: ModelScores, num_events: int
    ) -> NDArray[np.float64]:
        """Return how likely the user turns to each candidate next."""
        stage = self._stages[bisect_right(self._starts, num_events) - 1]
        features = features_of(opinions, model_scores)
        if model_scores is None:
            return _sigmoid(stage.prior_intercept, stage.prior_weights, features)
        return _sigmoid(stage.intercept, stage.weights, features)


def require_fit(weights: FusionWeights) -> None:
    """Check that these are weights of what this version looks at.

    Raises:
        ValueError: If they are of other features.
    """
    if weights.features != FEATURES:
        raise ValueError(
            f"weights {weights.name} are of {', '.join(weights.features)}; this version has "
            f"{', '.join(FEATURES)}: learn them anew"
        )


def weights_name(blend: Blend) -> str | None:
    """Return what versions call a blend's weights, None for the even one, which has none."""
    return None if isinstance(blend, EvenBlend) else blend.name


def _spread(name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log1p(STEEP * values) / np.log1p(STEEP) if name in COUNTED else values


def _logit(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    inside = np.clip(scores, NEAREST_TO_CERTAIN, 1 - NEAREST_TO_CERTAIN)
    return np.log(inside / (1 - inside))


def _sigmoid(
    intercept: float, weights: tuple[float, ...], features: NDArray[np.float64]
) -> NDArray[np.float64]:
    # Term by term: a matrix product's last digits depend on how many rows it has.
    total = np.full(len(features), intercept)
    for weight, column in zip(weights, features.T, strict=True):
        total += weight * column
    # Neither end overflows.
    small = np.exp(-np.abs(total))
    share: NDArray[np.float64] = np.where(total > 0, 1 / (1 + small), small / (1 + small))
    return np.round(share, LEARNED_DIGITS)
