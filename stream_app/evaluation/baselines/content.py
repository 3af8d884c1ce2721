"""Items that look like the user's own: the cosine of vectors, and nothing of other users."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.interaction import Interaction
from stream_app.evaluation.baselines.baseline import Baseline, Question, Scores

__all__ = ["ContentOnly"]


class ContentOnly(Baseline):
    """The cosine with the mean of the user's newest liked items.

    It knows every item that has a vector from the start, liked before or not.

    Args:
        vectors: By item id, all of one length.
        num_newest: So many of the user's newest liked items are averaged.
    """

    name = "content only"

    def __init__(self, vectors: Mapping[str, NDArray[np.float32]], num_newest: int = 20) -> None:
        super().__init__(vectors)
        self._num_newest = num_newest
        rows = np.array(list(vectors.values()), dtype=np.float64)
        self._vectors = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)

    def _learn(self, liked: Sequence[Interaction]) -> None:
        pass

    def _scores(self, question: Question) -> Scores:
        scores = np.zeros(len(self.item_ids))
        liked = [row for row in self.rows_of(question.history) if row < len(self._vectors)]
        if newest := liked[-self._num_newest :]:
            taste = self._vectors[newest].mean(axis=0)
            length = max(float(np.linalg.norm(taste)), 1e-12)
            scores[: len(self._vectors)] = self._vectors @ (taste / length)
        return scores
