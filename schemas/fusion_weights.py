"""How the model's score and the sources' opinions become one score, learned from what users did."""

from typing import Literal, Self

from pydantic import Field, model_validator

from schemas.record import Record, Word

__all__ = ["FusionStage", "FusionWeights"]


class FusionStage(Record):
    """A logistic model for users with at least `min_events` events.

    `weights` has one for each feature. `prior_weights` are used where the model gave no score: its
    feature weighs 0 there, and all others were learned without it.
    """

    min_events: int = Field(ge=0)
    intercept: float
    weights: tuple[float, ...]
    prior_intercept: float
    prior_weights: tuple[float, ...]


class FusionWeights(Record):
    """Stages by growing length of history, the first of them for users of whom nothing is known.

    `features` names what the weights are of. `metrics` says how well they did on what they had not
    learned from.
    """

    schema_version: Literal[1] = 1
    name: Word
    features: tuple[Word, ...]
    stages: tuple[FusionStage, ...] = Field(min_length=1)
    metrics: dict[str, float] = {}

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        starts = [stage.min_events for stage in self.stages]
        if starts != sorted(set(starts)) or starts[0] != 0:
            raise ValueError(f"stages begin at 0 events and grow, not {starts}")
        for stage in self.stages:
            counts = len(stage.weights), len(stage.prior_weights)
            if counts != (len(self.features), len(self.features)):
                raise ValueError(f"a stage has {counts} weights for {len(self.features)} features")
        return self
