"""Is a picture of the kind that the default model was taught to see?

It was taught clothes alone, and would name a garment on a poster as well. A picture that lies
far from all that it learned is not asked about; the shop's own words stand.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

__all__ = ["MIN_SIMILARITY", "Familiarity"]

# Cosine to the nearest centre, chosen between these: of 372 photos of clothes that were not learned
# 98 % lie above, of 700 drawn garments all, of 200 film posters 1 in 200 (docs/LOG.md).
MIN_SIMILARITY = 0.35

CENTRES = "centres"

Vectors = NDArray[np.float32]


class Familiarity:
    """Knows pictures by the centres of what was learned, unit rows of shape `(centres, size)`."""

    def __init__(self, centres: Vectors) -> None:
        self._centres = centres

    @classmethod
    def of(cls, vectors: Vectors, groups: Sequence[str]) -> "Familiarity":
        """Learn a centre for each group of pictures; `vectors` are unit rows."""
        named = np.asarray(groups)
        centres = np.stack([vectors[named == one].mean(axis=0) for one in sorted(set(groups))])
        return cls(centres / np.linalg.norm(centres, axis=1, keepdims=True))

    @classmethod
    def read(cls, path: Path) -> "Familiarity":
        """Read what `write` wrote."""
        return cls(load_file(path)[CENTRES].float().numpy())

    def write(self, path: Path) -> None:
        """Write the centres in half precision."""
        save_file({CENTRES: torch.from_numpy(self._centres).half().contiguous()}, path)

    def knows(self, vectors: Vectors) -> list[bool]:
        """Tell for each picture, a unit row, whether it resembles what was learned."""
        nearest: Vectors = (vectors @ self._centres.T).max(axis=1)
        return (nearest >= MIN_SIMILARITY).tolist()
