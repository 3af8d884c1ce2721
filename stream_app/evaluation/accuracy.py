"""Whether the item that the user took stands high in the list.

One query has one target, so recall@k is HR@k: both names are used, recall for how much of what
is taken the long list reaches.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from stream_app.evaluation.expected import Places, expected_gain, places
from stream_app.replay.queries import Query, RankedList

__all__ = ["ACCURACY", "CUTOFF", "LONG_CUTOFF", "accuracy", "auc", "hit_rate", "mrr", "ndcg"]

CUTOFF, LONG_CUTOFF = 10, 100

Values = NDArray[np.float64]


def hit_rate(where: Places, cutoff: int) -> Values:
    """Return HR@k of each query, in `[0, 1]`: the chance that the target is among the first k."""
    return expected_gain(where, lambda place: np.ones(len(place)), cutoff=cutoff)


def ndcg(where: Places, cutoff: int) -> Values:
    """Return NDCG@k of each query, in `[0, 1]`: 1 / log2(1 + place), the ideal being 1.

    Source: Järvelin & Kekäläinen, TOIS 2002, with one relevant item.
    """
    return expected_gain(where, lambda place: 1 / np.log2(1 + place), cutoff=cutoff)


def mrr(where: Places, cutoff: int) -> Values:
    """Return the reciprocal rank of each query, in `[0, 1]`, 0 beyond the cutoff."""
    return expected_gain(where, lambda place: 1 / place, cutoff=cutoff)


def auc(queries: Sequence[Query], answers: Sequence[RankedList]) -> Values:
    """Return the share of the other candidates below the target, ties half, in `[0, 1]`.

    NaN where the whole catalogue was asked for. Candidates that are not listed tie behind those
    that are.
    """
    where = places(queries, answers)
    num = np.array([len(one.candidates or ()) for one in queries])
    num_listed = np.array([len(one.item_ids) for one in answers])
    is_listed = where.first > 0
    first = np.where(is_listed, where.first, num_listed + 1)
    last = np.where(is_listed, where.last, num)
    return np.where(num > 1, 1 - ((first + last) / 2 - 1) / np.maximum(num - 1, 1), np.nan)


ACCURACY: dict[str, Callable[[Places], Values]] = {
    f"NDCG@{CUTOFF}": lambda where: ndcg(where, CUTOFF),
    f"HR@{CUTOFF}": lambda where: hit_rate(where, CUTOFF),
    f"MRR@{CUTOFF}": lambda where: mrr(where, CUTOFF),
    "HR@1": lambda where: hit_rate(where, 1),
    f"recall@{LONG_CUTOFF}": lambda where: hit_rate(where, LONG_CUTOFF),
}


def accuracy(queries: Sequence[Query], answers: Sequence[RankedList]) -> dict[str, Values]:
    """Return each metric's values by name, shape `(num_queries,)`; AUC where candidates are given.

    `answers` are in the order of `queries`.
    """
    where = places(queries, answers)
    found = {name: metric(where) for name, metric in ACCURACY.items()}
    if any(query.candidates for query in queries):
        found["AUC"] = auc(queries, answers)
    return found
