"""Every row compared: for catalogues that a matrix product goes through in milliseconds."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ExactSearch", "cosines"]

FIRST_CAPACITY = 1024


class ExactSearch:
    """Rows as a matrix of float32; `models.retrieval.index` says what the arguments are."""

    def __init__(
        self, dim: int, read: Callable[[NDArray[np.int64]], NDArray[np.float32]], max_rows: int
    ) -> None:
        self._read = read
        self._max_rows = max_rows
        self._matrix = np.zeros((FIRST_CAPACITY, dim), dtype=np.float32)

    def fits(self, num_rows: int) -> bool:
        """Tell whether so many rows are few enough."""
        return num_rows <= self._max_rows

    def update(self, changed: NDArray[np.int64], num_rows: int) -> None:
        """Read the changed rows anew; what lies from `num_rows` on is not looked at."""
        while num_rows > len(self._matrix):
            self._matrix = np.concatenate([self._matrix, np.zeros_like(self._matrix)])
        there = changed[changed < num_rows]
        self._matrix[there] = self._read(there)

    def nearest(
        self, vector: NDArray[np.float32], k: int, allowed: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Return the `k` nearest of the allowed rows and all that tie with the last of them."""
        num_found = min(k, int(np.count_nonzero(allowed)))
        if num_found == 0:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        near = cosines(self._matrix[: len(allowed)], vector)
        near[~allowed] = -np.inf
        last = np.partition(near, -num_found)[-num_found]
        rows = np.flatnonzero(near >= last)
        return rows, near[rows]


def cosines(rows: NDArray[np.float32], vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the product of each row with a vector, rounded to 6 digits.

    Row by row, in the caller's thread: in a matrix product the last digits depend on how many
    rows there are, and its threads wait for a core when others are at work. Rounded, so that
    another processor's last digits decide nothing.
    """
    products: Any = np.vecdot(rows, vector)
    found: NDArray[np.float32] = np.round(products, 6)
    return found
