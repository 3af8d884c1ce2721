"""Rows in cells around centres, of which a search looks into those nearest to it.

faiss's inverted file: rows are projected to their principal components, kept as one byte each, and
what it finds is compared once more by the vectors themselves. Rows come and go, and a filter is
asked inside the search, so that a rare item is found behind any number of others; a graph (HNSW)
is faster to search, but forgets no row and takes longer to make (docs/adr/0011).

Source: the inverted file of Jégou et al., Product quantization for nearest neighbor search, 2011.
"""

from collections.abc import Callable, Iterator
from math import ceil, sqrt
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from models.retrieval.exact import cosines

__all__ = ["CellSearch"]

# Of 1,664 dimensions so many keep .79 of the variance of real posters and titles; what they lose
# is made good by comparing more rows once more (docs/adr/0011).
MAX_COMPONENTS = 256
# Rows that the components and, for each cell, its centre are learned from.
NUM_FOR_COMPONENTS = 20_000
NUM_FOR_CENTRE = 40
NUM_ROUNDS = 6
# Cells that a search looks into: a quarter of all of 20,000 rows, 1/16 of those of 1,000,000.
NUM_SEARCHED = 256
# Rows compared once more: so many for each one asked for, and at the least.
READ_FOR_EACH = 8
MIN_READ = 400
# Rows whose vectors are in memory at once, 66 MB of 1,664 dimensions.
BATCH = 10_000
# After so many changes for each row that it was made from, the cells are no longer those of the
# rows: it has grown threefold, or each vector has changed twice.
MAX_CHANGES = 3
SEED = 0

Rows = NDArray[np.int64]
Vectors = NDArray[np.float32]


class CellSearch:
    """Searches the cells nearest to a query; `models.retrieval.index` says what arguments are.

    The same rows, changed in the same order, give the same answers; in another order they lie in
    other cells, and of the `k` nearest a few others may be missed. Every row that is found has its
    exact cosine. 1,000,000 rows take 0.5 GB, and 0.3 GB more while they are made; while they are
    made anew, the old ones are there, too. A search runs in the caller's thread; what makes the
    cells uses faiss's and numpy's threads, as many as OMP_NUM_THREADS says.
    """

    def __init__(
        self, dim: int, read: Callable[[Rows], Vectors], num_rows: int, *, min_rows: int
    ) -> None:
        self._read = read
        self._min_rows = min_rows
        self._max_changes = MAX_CHANGES * num_rows
        self._num_changes = 0
        self._num_cells = min(ceil(4 * sqrt(num_rows)), num_rows)
        rng = np.random.default_rng(SEED)
        self._components = _principal_components(
            read(_drawn(rng, num_rows, NUM_FOR_COMPONENTS)), min(dim, MAX_COMPONENTS)
        )
        self._cells = _empty_cells(len(self._components), self._num_cells)
        learned_from = _drawn(rng, num_rows, NUM_FOR_CENTRE * self._num_cells)
        self._cells.train(np.concatenate([self._reduced(some) for some in _batches(learned_from)]))

    def fits(self, num_rows: int) -> bool:
        """Tell whether the cells are still those of the rows, and worth it."""
        return num_rows > self._min_rows and self._num_changes <= self._max_changes

    def update(self, changed: Rows, num_rows: int) -> None:
        """Read the changed rows anew; those from `num_rows` on are gone."""
        self._num_changes += len(changed)
        self._cells.remove_ids(faiss.IDSelectorArray(changed))
        for some in _batches(changed[changed < num_rows]):
            self._cells.add_with_ids(self._reduced(some), some)

    def nearest(
        self, vector: Vectors, k: int, allowed: NDArray[np.bool_]
    ) -> tuple[Rows, NDArray[Any]]:
        """Return nearest rows of the allowed ones, more than `k` if there are, and their cosines.

        It is exact for a filter that allows no more rows than are compared once more.
        """
        num_read = max(READ_FOR_EACH * k, MIN_READ)
        num_allowed = np.count_nonzero(allowed)
        if num_allowed <= num_read:
            rows = np.flatnonzero(allowed)
        else:
            # The fewer rows of a cell are allowed, the more cells are looked into for as many.
            num_cells = ceil(NUM_SEARCHED * len(allowed) / num_allowed)
            rows = self._found(vector, num_read, allowed, min(num_cells, self._num_cells))
        return rows, cosines(self._read(rows), vector)

    def _found(
        self, vector: Vectors, num_rows: int, allowed: NDArray[np.bool_], num_cells: int
    ) -> Rows:
        query = np.vecdot(self._components, vector)[np.newaxis]
        selector = faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
        # What is allowed may lie far away from the query, all of it in cells not looked into.
        for num_searched in (num_cells, self._num_cells):
            parameters = faiss.SearchParametersIVF(sel=selector, nprobe=num_searched)
            _, (rows,) = self._cells.search(query, num_rows, params=parameters)
            if rows[-1] >= 0:
                break
        found: Rows = rows[rows >= 0]
        return found

    def _reduced(self, rows: Rows) -> Vectors:
        return self._read(rows) @ self._components.T


def _principal_components(vectors: Vectors, num_components: int) -> Vectors:
    """Return the directions that keep most of the products of vectors, as rows.

    About zero and not about the mean: it is products that are to be kept, not distances.
    """
    _, directions = np.linalg.eigh(vectors.T @ vectors)
    return np.ascontiguousarray(directions.T[-num_components:])


def _empty_cells(dim: int, num_cells: int) -> faiss.IndexIVFScalarQuantizer:
    cells = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(dim),
        dim,
        num_cells,
        faiss.ScalarQuantizer.QT_8bit,
        faiss.METRIC_INNER_PRODUCT,
    )
    # Without a table of where each row lies, removing one goes through all.
    cells.set_direct_map_type(faiss.DirectMap.Hashtable)
    cells.cp.spherical = True
    cells.cp.niter = NUM_ROUNDS
    cells.cp.max_points_per_centroid = NUM_FOR_CENTRE
    cells.cp.min_points_per_centroid = 1
    return cells


def _drawn(rng: np.random.Generator, num_rows: int, at_most: int) -> Rows:
    return np.sort(rng.choice(num_rows, min(num_rows, at_most), replace=False))


def _batches(rows: Rows) -> Iterator[Rows]:
    for first in range(0, len(rows), BATCH):
        yield rows[first : first + BATCH]
