"""Text -> unit vectors, by any model of sentence-transformers; all-MiniLM-L6-v2 where none lies."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from models.errors import ModelLoadError
from models.mllm.packages import MINILM, package_folder
from models.mllm.quiet import quiet

__all__ = ["TextEmbedder"]

# Beyond it all-MiniLM-L6-v2 reads nothing more (256 tokens).
MAX_CHARS = 2000
BATCH_SIZE = 32


class TextEmbedder:
    """Embeds texts.

    Raises:
        ModelLoadError: If the folder holds no such model, or the package of MiniLM is missing.
    """

    def __init__(self, folder: Path | None = None, *, device: str = "cpu") -> None:
        lies_in = folder or package_folder(MINILM) / "model"
        try:
            with quiet():
                self._model = SentenceTransformer(
                    str(lies_in), device=device, local_files_only=True, trust_remote_code=False
                )
        except (OSError, ValueError, KeyError) as error:
            raise ModelLoadError(
                f"text embedder {lies_in} can't be loaded: {error}; run `stream-app setup` again"
            ) from error

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return int(self._model.get_embedding_dimension() or 0)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit rows, shape `(len(texts), dim)`."""
        if not texts:
            return np.zeros((0, self.dim), dtype=np.float32)
        embeddings = self._model.encode(
            [text[:MAX_CHARS] for text in texts],
            batch_size=BATCH_SIZE,
            normalize_embeddings=True,
            show_progress_bar=False,
        )
        return cast(NDArray[np.float32], np.asarray(embeddings, dtype=np.float32))
