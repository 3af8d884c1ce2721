"""What one learner makes of the ranked likes and dislikes alone: gradient boosting on their ranks.

It reads them from the same requests as the model, without summary and newest events, and learns
from other shoppers. No bound, but a figure that the model's can be read beside.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from benchmarks.default_model.ranking import Shop, replay
from models.engine import ScoreRequest
from models.weightless import WeightlessEngine
from stream_app.default_model.shoppers import profile_of
from stream_app.demo.garments import Garment
from stream_app.show import Progress

__all__ = ["Yardstick"]

ATTRIBUTES = ("colour", "pattern", "category", "style")
NUM_SHOPPERS = 500
NUM_GARMENTS = 2000
# Behind every rank that a list has.
ABSENT = 99
WORD = re.compile(r"[\w-]+")

Matrix = NDArray[np.float64]


class Yardstick(WeightlessEngine):
    """Scores a candidate by where its attributes stand among the likes and dislikes shown."""

    def __init__(self, learned: Sequence[Garment], *, progress: Progress) -> None:
        """Learn from shoppers that nobody is measured on, with readings that are all right."""
        garments = learned[:NUM_GARMENTS]
        shop = Shop(garments, {one.item_id: profile_of(one) for one in garments})
        asked = _Asked()
        replay(asked, shop, num_shoppers=NUM_SHOPPERS, progress=progress, people="learned")
        # Of each pair the first was taken.
        taken = np.tile([1, 0], len(asked.requests))
        self._trees = HistGradientBoostingClassifier(
            max_iter=120, learning_rate=0.06, max_leaf_nodes=15, random_state=0
        ).fit(np.concatenate([_ranks(one) for one in asked.requests]), taken)

    def score(self, requests: Sequence[ScoreRequest]) -> list[list[float]]:
        """Return how probable it is that each candidate is taken."""
        return [self._trees.predict_proba(_ranks(one))[:, 1].tolist() for one in requests]


class _Asked(WeightlessEngine):
    def __init__(self) -> None:
        self.requests: list[ScoreRequest] = []

    def score(self, requests: Sequence[ScoreRequest]) -> list[list[float]]:
        self.requests += requests
        return [[0.0] * len(one.candidates) for one in requests]


def _ranks(request: ScoreRequest) -> Matrix:
    """Return, for each candidate, the best rank of each attribute, shape `(candidates, 8)`."""
    rows = []
    for line in request.candidates:
        words = set(WORD.findall(line.lower()))
        rows.append(
            [
                next((rank for rank, value in _values(names, attribute) if value in words), ABSENT)
                for names in (request.taste.likes, request.taste.dislikes)
                for attribute in ATTRIBUTES
            ]
        )
    return np.array(rows, dtype=float)


def _values(names: Sequence[str], attribute: str) -> list[tuple[int, str]]:
    split = [(rank, *name.split("=", 1)) for rank, name in enumerate(names) if "=" in name]
    return [(rank, value.lower()) for rank, name, value in split if name == attribute]
