"""Which rows have the highest cosine to a vector: exactly while they are few, by cells beyond."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.retrieval.exact import ExactSearch

__all__ = ["MAX_EXACT", "VectorIndex"]

# Where both ways take as long, of 1,664 dimensions (docs/adr/0011); and up to here a replay agrees
# with the live run to the item, in whatever order the items came.
MAX_EXACT = 10_000

Rows = NDArray[np.int64]
Vectors = NDArray[np.float32]
Read = Callable[[Rows], Vectors]


class Search(Protocol):
    """A way to search, made for the rows that there are."""

    def fits(self, num_rows: int) -> bool:
        """Tell whether it is still the right one for so many rows."""

    def update(self, changed: Rows, num_rows: int) -> None:
        """Read the changed rows anew; those from `num_rows` on are gone."""

    def nearest(
        self, vector: Vectors, k: int, allowed: NDArray[np.bool_]
    ) -> tuple[Rows, NDArray[Any]]:
        """Return the `k` nearest of the allowed rows, maybe among others, and their cosines."""


class VectorIndex:
    """Rows of unit vectors, numbered from 0 without a gap.

    Changes are read all at once, when the next search needs them: a catalogue is loaded long
    before it is first asked.

    Args:
        dim: Length of a vector.
        read: Returns the vectors of rows, shape `(len(rows), dim)`.
        max_exact: So many rows are searched exactly.
    """

    def __init__(self, dim: int, read: Read, max_exact: int = MAX_EXACT) -> None:
        self._dim = dim
        self._read = read
        self._max_exact = max_exact
        self._search: Search = ExactSearch(dim, read, max_exact)
        self._changed: set[int] = set()

    def change(self, row: int) -> None:
        """Remember that a row is new, has another vector, or is gone."""
        self._changed.add(row)

    def refresh(self, num_rows: int) -> None:
        """Learn of all changes, of `num_rows` rows that there are now."""
        if not self._changed:
            return
        changed = np.array(sorted(self._changed), dtype=np.int64)
        if not self._search.fits(num_rows):
            self._search = self._made_for(num_rows)
            changed = np.arange(num_rows)
        self._search.update(changed, num_rows)
        self._changed.clear()

    def nearest(
        self, vector: Vectors, k: int, allowed: NDArray[np.bool_]
    ) -> tuple[Rows, NDArray[Any]]:
        """Return rows and their cosines, rounded to 6 digits, in no order.

        Among them are the `k` nearest of the allowed rows and all that are as near as the last of
        them; by cells, almost all of them (docs/adr/0011 says how many). `allowed` has an entry
        for each row that there is.
        """
        self.refresh(len(allowed))
        return self._search.nearest(vector, k, allowed)

    def _made_for(self, num_rows: int) -> Search:
        if num_rows <= self._max_exact:
            return ExactSearch(self._dim, self._read, self._max_exact)
        # Only large catalogues pay for loading faiss, and for its threads.
        from models.retrieval.cells import CellSearch

        # Half as many, so that a catalogue that grows and shrinks around the limit stays as it is.
        return CellSearch(self._dim, self._read, num_rows, min_rows=self._max_exact // 2)
