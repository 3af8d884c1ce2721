"""Item-to-item weights learned from who liked what: EASE and nearest neighbours, by cornac."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.interaction import Interaction
from stream_app.evaluation.baselines.baseline import SEED, Baseline, Question, Scores

__all__ = ["Ease", "ItemKnn"]


# The matrix has its square of numbers: 400 MB here, and four times as much while it is inverted.
MAX_ITEMS = 10_000


class _ItemWeights(Baseline):
    """Adds up the rows of a matrix of items by items, one for each item that the user liked.

    The matrix has the 10,000 items that were liked most; the others follow by popularity.
    """

    relearn_events = 5_000

    def __init__(self) -> None:
        super().__init__()
        self._pairs: dict[tuple[str, str], float] = {}
        self._weights: NDArray[np.float32] = np.zeros((0, 0), dtype=np.float32)
        # By row of the matrix the item's index, and the other way round.
        self._items: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._row_of: dict[int, int] = {}

    def _learn(self, liked: Sequence[Interaction]) -> None:
        from cornac.data import Dataset

        self._pairs.update({(one.user_id, one.item_id): 1.0 for one in liked})
        most_liked = set(np.argsort(-self.num_liked, kind="stable")[:MAX_ITEMS].tolist())
        triples = [
            (user_id, item_id, one)
            for (user_id, item_id), one in self._pairs.items()
            if self.index[item_id] in most_liked
        ]
        if not triples:
            return
        data = Dataset.from_uir(triples, seed=SEED)
        self._weights = self._fit(data).astype(np.float32)
        # Cornac numbers items in an order of its own.
        self._items = np.array([self.index[one] for one in data.item_ids])
        self._row_of = {item: row for row, item in enumerate(self._items.tolist())}

    def _scores(self, question: Question) -> Scores:
        scores = np.zeros(len(self.item_ids))
        liked = [self._row_of[one] for one in self.rows_of(question.history) if one in self._row_of]
        scores[self._items] = self._weights[liked].sum(axis=0)
        return scores

    @abstractmethod
    def _fit(self, data: Any) -> NDArray[np.float64]:  # noqa: ANN401 - cornac ships no types
        """Return the weights from each item of a cornac data set to each other."""


class Ease(_ItemWeights):
    """A linear model that predicts each item from all others, in closed form.

    Args:
        l2: Its only setting, the weight of the ridge.

    Source: Steck, WWW 2019 (arXiv 1905.03375).
    """

    name = "EASE"

    def __init__(self, l2: float = 500.0) -> None:
        super().__init__()
        self._l2 = l2

    def _fit(self, data: Any) -> NDArray[np.float64]:  # noqa: ANN401 - cornac ships no types
        from cornac.models import EASE

        # Negative weights stay, as in the paper; cornac would drop them.
        model = EASE(lamb=self._l2, posB=False, verbose=False).fit(data)
        return np.asarray(model.B)


class ItemKnn(_ItemWeights):
    """The cosine of who liked an item and who liked another, for the nearest of each.

    Args:
        num_neighbours: So many of an item's neighbours count.

    Source: Deshpande & Karypis, TOIS 2004. The cosine is scikit-learn's: cornac's looks only at
    those who rated both, which is 1 wherever there are no ratings but likes.
    """

    name = "item kNN"

    def __init__(self, num_neighbours: int = 20) -> None:
        super().__init__()
        self._num_neighbours = num_neighbours

    def _fit(self, data: Any) -> NDArray[np.float64]:  # noqa: ANN401 - cornac ships no types
        from sklearn.metrics.pairwise import cosine_similarity

        weights = np.asarray(cosine_similarity(data.matrix.T, dense_output=False).toarray())
        np.fill_diagonal(weights, 0)
        num = min(self._num_neighbours, len(weights))
        furthest = np.partition(weights, -num, axis=1)[:, [-num]]
        return np.where(weights >= furthest, weights, 0)
