"""Requests and what is to be answered, as batches of rows; tokens are made when they are asked for.

So memory holds the texts only, however many times they are learned.
"""

from collections.abc import Sequence
from typing import overload

import numpy as np

from models.engine import ScoreRequest
from models.mllm.training.rows import RowBuilder, TrainingRow

__all__ = ["Batches", "Question", "repeated"]

# Of about 8 pairs each; with the prefix some 300 tokens.
ROWS_PER_BATCH = 4

Question = tuple[ScoreRequest, tuple[float, ...]]


class Batches(Sequence[list[TrainingRow]]):
    """Batches of `ROWS_PER_BATCH` rows, in the order of the questions."""

    def __init__(self, rows: RowBuilder, questions: Sequence[Question]) -> None:
        self._rows = rows
        self._questions = questions

    def __len__(self) -> int:
        return -(-len(self._questions) // ROWS_PER_BATCH)

    @overload
    def __getitem__(self, number: int) -> list[TrainingRow]: ...

    @overload
    def __getitem__(self, number: slice) -> Sequence[list[TrainingRow]]: ...

    def __getitem__(self, number: int | slice) -> list[TrainingRow] | Sequence[list[TrainingRow]]:
        """Return a batch, or several."""
        if isinstance(number, slice):
            return [self[one] for one in range(*number.indices(len(self)))]
        if not 0 <= number < len(self):
            raise IndexError(number)
        start = number * ROWS_PER_BATCH
        return [
            self._rows.ranked(request, targets)
            for request, targets in self._questions[start : start + ROWS_PER_BATCH]
        ]


def repeated(questions: Sequence[Question], num_epochs: int, *, seed: int) -> list[Question]:
    """Return all questions once for each epoch, each time in another order."""
    rng = np.random.default_rng(seed)
    return [
        questions[place] for _ in range(num_epochs) for place in rng.permutation(len(questions))
    ]
