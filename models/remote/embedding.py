"""Texts -> unit rows: by the server where it serves a model for it, else on this machine."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.errors import EngineError
from models.remote.contract import Embeddings
from models.remote.server import Server

__all__ = ["ServerEmbedder", "TextEmbedder"]

# Most models read no more than 512 tokens, and servers refuse what is longer.
MAX_CHARS = 1200
BATCH_SIZE = 32

Vectors = NDArray[np.float32]


class TextEmbedder(Protocol):
    """Embeds texts."""

    @property
    def dim(self) -> int:
        """Length of an embedding."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return unit rows, shape `(len(texts), dim)`."""


class ServerEmbedder:
    """Embeds by `/v1/embeddings`.

    Raises:
        EngineError: If the server serves no such model.
    """

    def __init__(self, server: Server, model: str) -> None:
        self._server = server
        self._model = model
        self.dim = len(self._asked(["a blue hoodie"])[0])

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return unit rows, shape `(len(texts), dim)`.

        Raises:
            EngineError: If the server fails, or its vectors are of another length than before.
        """
        shortened = [text[:MAX_CHARS] for text in texts]
        batches = [
            shortened[start : start + BATCH_SIZE] for start in range(0, len(shortened), BATCH_SIZE)
        ]
        rows = [row for batch in self._server.each(self._asked, batches) for row in batch]
        if any(len(row) != self.dim for row in rows):
            raise EngineError(
                f"{self._server.name} gives embeddings of {set(map(len, rows))} numbers, "
                f"before it were {self.dim}; restart the worker and load the catalogue again"
            )
        vectors = np.array(rows, dtype=np.float32).reshape(len(texts), self.dim)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (norms.all() and np.isfinite(norms).all()):
            raise EngineError(f"{self._server.name} gives an embedding that has no direction")
        vectors /= norms
        return vectors

    def _asked(self, texts: list[str]) -> list[list[float]]:
        # Of white space alone some servers make an empty, refused input.
        body = {"model": self._model, "input": [text.strip() or "-" for text in texts]}
        answer = self._server.post("/embeddings", body, Embeddings)
        found = {one.index: one.embedding for one in answer.data}
        if sorted(found) != list(range(len(texts))):
            raise EngineError(
                f"{self._server.name} gives {len(answer.data)} embeddings for {len(texts)} texts"
            )
        return [found[number] for number in range(len(texts))]
