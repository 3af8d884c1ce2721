"""Embeddings of a catalogue that could be, and of what its users ask: the same in every run.

Shaped as the default model's: a text's 384 values and a picture's 1,280, of the same weight, a
tenth of the items without picture. Items lie around 5,000 centres, these around 50 departments;
four in five have a picture as others of their kind have. The spread falls with the component as
that of real posters and titles does (of 1,984 films, 256 components keep .79 of the variance; of
these, .78).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["KINDS", "MadeVectors"]

TEXT, PICTURE = 384, 1280
NUM_CENTRES = 5000
NUM_DEPARTMENTS = 50
NUM_LOOKS = 4
FALL = -0.4
KINDS = ("an item", "three items", "a text")

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Half:
    """A text's or a picture's part of an embedding."""

    mean: Vectors
    scales: Vectors
    centres: Vectors

    @classmethod
    def made(cls, rng: np.random.Generator, dim: int, department_of: NDArray[np.int64]) -> "Half":
        """Return a half with a centre for each entry of `department_of`."""
        scales = rng.permutation(np.arange(1, dim + 1, dtype=np.float32) ** FALL)
        departments = directions(rng, NUM_DEPARTMENTS, scales)
        own = directions(rng, len(department_of), scales)
        mean = directions(rng, 1, np.ones(dim, dtype=np.float32))[0]
        return cls(mean, scales, unit(departments[department_of] + own))

    def around(self, rng: np.random.Generator, centres: NDArray[np.int64]) -> Vectors:
        """Return unit rows, one around each centre."""
        spread = directions(rng, len(centres), self.scales)
        return unit(0.5 * self.mean + self.centres[centres] + 0.7 * spread)


class MadeVectors:
    """Unit vectors, shape `(rows, 1664)`; `centres` of items are their kinds."""

    dim = TEXT + PICTURE

    def __init__(self, seed: int = 0) -> None:
        self._rng = np.random.default_rng(seed)
        department_of = self._rng.integers(NUM_DEPARTMENTS, size=NUM_CENTRES)
        self._text = Half.made(self._rng, TEXT, department_of)
        self._picture = Half.made(self._rng, PICTURE, department_of)
        self._looks = self._rng.integers(NUM_CENTRES, size=(NUM_CENTRES, NUM_LOOKS))

    def items(self, num_rows: int) -> tuple[Vectors, NDArray[np.int64]]:
        """Return items and their centres."""
        rng = self._rng
        centres = rng.integers(NUM_CENTRES, size=num_rows)
        looks = self._looks[centres, rng.integers(NUM_LOOKS, size=num_rows)]
        odd = rng.random(num_rows) < 0.2
        looks[odd] = rng.integers(NUM_CENTRES, size=odd.sum())
        pictures = self._picture.around(rng, looks)
        pictures[rng.random(num_rows) < 0.1] = 0
        return unit(np.concatenate([self._text.around(rng, centres), pictures], axis=1)), centres

    def texts(self, num_rows: int) -> Vectors:
        """Return what texts alone embed as, such as summaries: each between two kinds."""
        found = np.zeros((num_rows, self.dim), dtype=np.float32)
        one, other = (
            self._text.around(self._rng, self._rng.integers(NUM_CENTRES, size=num_rows))
            for _ in range(2)
        )
        found[:, :TEXT] = unit(one + 0.5 * other)
        return found


def directions(rng: np.random.Generator, num_rows: int, scales: Vectors) -> Vectors:
    """Return unit rows, normally distributed with a scale for each component."""
    drawn = rng.standard_normal((num_rows, len(scales)), dtype=np.float32)
    return unit(drawn * scales)


def unit(rows: Vectors) -> Vectors:
    """Return the rows at length 1."""
    scaled: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return scaled
