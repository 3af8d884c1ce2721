"""Where the target of a query stands in its list, ties counted by expectation.

Whoever scores everything alike must get what chance gets, not what the order of a file gets: a
target that shares its score with others stands at each of their places equally often, and a
metric is its mean over these places.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from stream_app.replay.queries import Query, RankedList

__all__ = ["AnswerError", "Places", "expected_gain", "in_order", "places"]


class AnswerError(ValueError):
    """Lists that can't be measured: the message names the query and what is wrong with it."""


@dataclass(frozen=True)
class Places:
    """The first and last place (from 1) that each target may take, shape `(num_queries,)`.

    Both are 0 where the target is not listed.
    """

    first: NDArray[np.int64]
    last: NDArray[np.int64]


def in_order(queries: Sequence[Query], answers: Sequence[RankedList]) -> list[RankedList]:
    """Return one list for each query, in the order of the queries.

    Raises:
        AnswerError: If a query has none or two, or a list is no ranking.
    """
    by_query = {answer.query_id: answer for answer in answers}
    if len(by_query) != len(answers):
        raise AnswerError(f"{len(answers)} lists for {len(by_query)} queries: one each, please")
    if absent := [one.query_id for one in queries if one.query_id not in by_query]:
        raise AnswerError(f"{len(absent)} queries have no list, {absent[0]!r} for one")
    for answer in answers:
        _check(answer)
    return [by_query[one.query_id] for one in queries]


def places(queries: Sequence[Query], answers: Sequence[RankedList]) -> Places:
    """Return where the targets stand; `answers` are in the order of `queries`."""
    bounds = [_bounds(query, answer) for query, answer in zip(queries, answers, strict=True)]
    first, last = np.array(bounds, dtype=np.int64).reshape(-1, 2).T
    return Places(first, last)


def expected_gain(
    where: Places, gain: Callable[[NDArray[np.int64]], NDArray[np.float64]], *, cutoff: int
) -> NDArray[np.float64]:
    """Return the mean of a gain over the places that each target may take.

    Args:
        where: The targets' places.
        gain: What a place is worth; takes places from 1, shape `(cutoff,)`.
        cutoff: Places beyond it are worth nothing.

    Returns:
        Shape `(num_queries,)`; 0 where the target is not listed.

    Source: McSherry & Najork, ECIR 2008: ranking measures over all orders of tied documents.
    """
    total = np.concatenate([[0.0], np.cumsum(gain(np.arange(1, cutoff + 1)))])
    gained = total[np.minimum(where.last, cutoff)]
    gained = gained - total[np.clip(where.first - 1, 0, cutoff)]
    return np.asarray(gained / np.maximum(where.last - where.first + 1, 1))


def _bounds(query: Query, answer: RankedList) -> tuple[int, int]:
    if query.target not in answer.item_ids:
        return 0, 0
    score = answer.scores[answer.item_ids.index(query.target)]
    first = answer.scores.index(score) + 1
    return first, first + answer.scores.count(score) - 1


def _check(answer: RankedList) -> None:
    wrong = None
    if len(answer.item_ids) != len(answer.scores):
        wrong = f"{len(answer.item_ids)} items with {len(answer.scores)} scores"
    elif len(set(answer.item_ids)) != len(answer.item_ids):
        wrong = "an item twice"
    elif not all(map(isfinite, answer.scores)):
        wrong = "a score that is no number"
    elif any(worse > better for better, worse in pairwise(answer.scores)):
        wrong = "a score above the one before it"
    if wrong is not None:
        raise AnswerError(f"the list of query {answer.query_id!r} has {wrong}")
