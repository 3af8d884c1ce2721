"""Model, sources and context -> one score: a logistic model by length of history.

A language model ranks well for short histories and loses to counts for long ones, so no one weight
is right for all (docs/adr/0013-fusion.md).
"""

from bisect import bisect_right
from collections.abc import Mapping
from math import exp, log, log1p
from typing import Protocol

from schemas.fusion_weights import FusionWeights

__all__ = ["FEATURES", "Blend", "EvenBlend", "Fusion", "features_of"]

# What is compared by vectors, counted of the user, and counted of everybody.
OPINIONS = ("recent", "summary", "taste", "transitions", "popular")
FEATURES = ("model", *OPINIONS, "agreement")
# Shares of a highest count fall off steeply: 1 in 1,000 is still a third of the scale.
STEEP = 1000.0
COUNTED = {"transitions", "popular"}
NEAREST_TO_CERTAIN = 1e-4


def features_of(opinions: Mapping[str, float], model_score: float | None) -> tuple[float, ...]:
    """Return a candidate's features, in the order of `FEATURES`.

    Args:
        opinions: What each source says of it, in `[0, 1]`; one that says nothing is 0.
        model_score: p(yes), in `[0, 1]`; None counts as undecided.
    """
    said = [_spread(name, opinions.get(name, 0.0)) for name in OPINIONS]
    agreement = sum(value > 0 for value in said) / len(OPINIONS)
    return _logit(model_score), *said, agreement


class Blend(Protocol):
    """Makes one score of what the model and the sources say; `name` tells which weights."""

    @property
    def name(self) -> str:
        """Which weights these are."""
        ...

    def score(
        self,
        opinions: Mapping[str, float],
        prior: float,
        model_score: float | None,
        num_events: int,
    ) -> float:
        """Return a candidate's score, in `[0, 1]`.

        Args:
            opinions: What each source says of it, in `[0, 1]`.
            prior: Their mean.
            model_score: p(yes), None where the model gave none.
            num_events: The length of the user's history.
        """
        ...


class EvenBlend:
    """What is used until weights are learned: model and prior count alike."""

    name = "even"

    def score(
        self,
        opinions: Mapping[str, float],
        prior: float,
        model_score: float | None,
        num_events: int,
    ) -> float:
        """Return the mean of both, in `[0, 1]`, the prior alone where there is no other."""
        del opinions, num_events
        return round(prior if model_score is None else (prior + model_score) / 2, 6)


class Fusion:
    """Scores candidates with learned weights.

    Raises:
        ValueError: If the weights are of other features than this version has.
    """

    def __init__(self, weights: FusionWeights) -> None:
        if weights.features != FEATURES:
            raise ValueError(
                f"weights {weights.name} are of {', '.join(weights.features)}; this version has "
                f"{', '.join(FEATURES)}: learn them anew"
            )
        self.name = weights.name
        self._stages = weights.stages
        self._starts = [stage.min_events for stage in weights.stages]

    def score(
        self,
        opinions: Mapping[str, float],
        prior: float,
        model_score: float | None,
        num_events: int,
    ) -> float:
        """Return how likely the user turns to a candidate next, in `[0, 1]`."""
        # It is made of the same opinions.
        del prior
        stage = self._stages[bisect_right(self._starts, num_events) - 1]
        features = features_of(opinions, model_score)
        if model_score is None:
            return _sigmoid(stage.prior_intercept, stage.prior_weights, features)
        return _sigmoid(stage.intercept, stage.weights, features)


def _spread(name: str, value: float) -> float:
    return log1p(STEEP * value) / log1p(STEEP) if name in COUNTED else value


def _logit(score: float | None) -> float:
    if score is None:
        return 0.0
    inside = min(1 - NEAREST_TO_CERTAIN, max(NEAREST_TO_CERTAIN, score))
    return log(inside / (1 - inside))


def _sigmoid(intercept: float, weights: tuple[float, ...], features: tuple[float, ...]) -> float:
    total = intercept + sum(w * x for w, x in zip(weights, features, strict=True))
    # Neither end overflows.
    share = 1 / (1 + exp(-total)) if total > 0 else exp(total) / (1 + exp(total))
    return round(share, 9)
