"""What every baseline is: it learns from events, then scores items for a user's history."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from models.preference import leaning
from schemas.interaction import Interaction
from stream_app.replay.queries import Query, RankedList

__all__ = ["LIST_LENGTH", "Baseline", "Question", "Scores", "likes", "unix_s"]

LIST_LENGTH = 100
SEED = 6

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Question:
    """A query, and the user's own events before it, oldest first."""

    query: Query
    history: Sequence[Interaction]


def likes(event: Interaction) -> bool:
    """Tell whether an interaction speaks for its item; baselines learn from these alone."""
    return leaning(event) > 0


def unix_s(at: datetime) -> float:
    """Return a time in seconds since 1970."""
    return at.timestamp()


class Baseline(ABC):
    """Learns, and answers with ranked lists of at most 100 items that the user hasn't met.

    Items that it has no opinion of follow by popularity, so that a user without a history gets
    what MostPop gives. Equal scores stay equal; which of them still get onto the list is drawn,
    with a fixed seed.

    Attributes:
        name: What the report calls it.
        relearn_events: So many new events are worth learning anew, where a log is followed event
            by event; 1 for those that just count.
    """

    name: str
    relearn_events = 1

    def __init__(self, known_ids: Iterable[str] = ()) -> None:
        self.item_ids: list[str] = list(known_ids)
        self.index = {item_id: row for row, item_id in enumerate(self.item_ids)}
        self.num_liked = np.zeros(len(self.item_ids))

    def learn(self, events: Sequence[Interaction]) -> None:
        """Take in further events, in the order of the log and none twice."""
        liked = [event for event in events if likes(event)]
        rows = np.array([self._row(event.item_id) for event in liked], dtype=np.int64)
        missing = len(self.item_ids) - len(self.num_liked)
        self.num_liked = np.concatenate([self.num_liked, np.zeros(missing)])
        np.add.at(self.num_liked, rows, 1)
        self._learn(liked)

    def answer(self, questions: Sequence[Question]) -> list[RankedList]:
        """Return a list for each question."""
        popularity = self.num_liked / (self.num_liked.max(initial=0) + 1) - 1
        answers = []
        for question in questions:
            scores = self._scores(question)
            answers.append(self._ranked(question.query, np.where(scores > 0, scores, popularity)))
        return answers

    @abstractmethod
    def _learn(self, liked: Sequence[Interaction]) -> None:
        """Take in the events that speak for their items; these are in `index` by now."""

    @abstractmethod
    def _scores(self, question: Question) -> Scores:
        """Return a score for each of `item_ids`, shape `(num_items,)`; 0 or less: no opinion."""

    def rows_of(self, history: Sequence[Interaction]) -> list[int]:
        """Return the liked items of a history that are known, oldest first."""
        return [
            self.index[one.item_id] for one in history if likes(one) and one.item_id in self.index
        ]

    def _row(self, item_id: str) -> int:
        row = self.index.setdefault(item_id, len(self.item_ids))
        if row == len(self.item_ids):
            self.item_ids.append(item_id)
        return row

    def _ranked(self, query: Query, scores: Scores) -> RankedList:
        if query.candidates is not None:
            # What was never met is as unpopular as can be.
            known = {one: self.index.get(one) for one in query.candidates}
            given = [-1.0 if row is None else float(scores[row]) for row in known.values()]
            return _best(query, query.candidates, np.array(given))
        scores[[self.index[one] for one in query.seen if one in self.index]] = -np.inf
        return _best(query, self.item_ids, scores)


def _best(query: Query, item_ids: Sequence[str], scores: Scores) -> RankedList:
    """Return the best items, ties at the end of the list drawn by lot."""
    length = min(LIST_LENGTH, len(scores))
    if not length:
        return RankedList(query.query_id, (), ())
    last = np.partition(scores, -length)[-length]
    rows = np.flatnonzero((scores >= last) & (scores > -np.inf))
    lots = np.random.default_rng([SEED, query.position]).random(len(rows))
    best = rows[np.lexsort((lots, -scores[rows]))][:length]
    return RankedList(
        query.query_id,
        tuple(item_ids[row] for row in best),
        tuple(scores[best].tolist()),
    )
