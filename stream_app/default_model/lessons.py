"""What one simulated person teaches: summaries to write, and candidates to say yes or no to.

The person's state is moved by the product's own `models.preference`, so prompts read in training
as they will read live. What is to be answered follows from the person's true taste.
"""

from dataclasses import dataclass

import numpy as np

from models.engine import ScoreRequest, SummaryRequest

__all__ = ["Lesson", "RankingLesson", "SummaryLesson", "liking"]


@dataclass(frozen=True)
class SummaryLesson:
    """A summary to write, its opening left out."""

    request: SummaryRequest
    answer: str


@dataclass(frozen=True)
class RankingLesson:
    """Candidates, and for each how probable it is, in `[0, 1]`, that the person would like it."""

    request: ScoreRequest
    targets: tuple[float, ...]


Lesson = SummaryLesson | RankingLesson


def liking(value: float, midpoint: float, spread: float) -> float:
    """Return how probable a "Yes" is, in `(0, 1)`: a half at the midpoint, logistic around it."""
    return float(1 / (1 + np.exp((midpoint - value) / spread)))
