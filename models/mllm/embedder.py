"""Text and picture -> one unit vector: half its square is text, half picture.

Text by sentence-transformers, picture by the mean of the model's own vision tower, so that even an
untrained projector takes nothing from it. An input without a picture has zeros in the picture's
half: its cosine with an input that has both is the cosine of their texts times sqrt(w), about 0.71.
Rankings against one such query are those of the texts; only scores of mixed pairs are lower.
"""

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from transformers import PreTrainedModel

from models.errors import ModelLoadError
from models.mllm.efflite import EffLiteModel
from models.mllm.load import EMBEDDER_FOLDER, LoadedModel
from models.mllm.text_embedder import TextEmbedder

__all__ = ["TEXT_WEIGHT", "Embedder"]

# The share of the text in the cosine of two inputs that have both.
TEXT_WEIGHT = 0.5

PROBE_SIZE = (224, 224)

Vector = NDArray[np.float32]


class Embedder:
    """Embeds texts, and the pictures that go with some of them.

    Raises:
        ModelLoadError: If the text embedder is missing or the model has no vision tower.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self._model = loaded.model
        self._image_processor = loaded.processor.image_processor
        own = loaded.folder / EMBEDDER_FOLDER if loaded.folder else None
        self._text = TextEmbedder(own if own and own.is_dir() else None, device=str(loaded.device))
        self._text_size = self._text.dim
        try:
            self._vision_size = len(self._see(Image.new("RGB", PROBE_SIZE)))
        except (AttributeError, TypeError, ValueError, RuntimeError) as error:
            raise ModelLoadError(
                f"model {loaded.name} gives no vision features: {error}; "
                f"choose an image-text-to-text model with get_image_features"
            ) from error

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self._text_size + self._vision_size

    def embed(self, texts: Sequence[str], pictures: Sequence[Image.Image | None]) -> Vector:
        """Return unit rows, shape `(len(texts), dim)`."""
        rows = np.zeros((len(texts), self.dim), dtype=np.float32)
        rows[:, : self._text_size] = np.sqrt(TEXT_WEIGHT) * self._text.embed(texts)
        for row, picture in zip(rows, pictures, strict=True):
            if picture is not None:
                row[self._text_size :] = np.sqrt(1 - TEXT_WEIGHT) * self._see(picture)
            row /= np.linalg.norm(row)
        return rows

    @torch.inference_mode()
    def _see(self, picture: Image.Image) -> Vector:
        """Return the picture as a unit vector; one at a time, for models cut it up differently."""
        inputs = self._image_processor(images=[picture], return_tensors="pt")
        inputs = inputs.to(self._model.device, self._model.dtype)
        tokens = self._model.get_image_features(**inputs).last_hidden_state
        features = tokens.float().reshape(-1, tokens.shape[-1]).mean(dim=0)
        # Without its centre, each picture resembles each other one, and none in particular.
        centred = features - _centre(self._model, features)
        return cast(Vector, (centred / centred.norm().clamp_min(1e-6)).cpu().numpy())


def _centre(model: PreTrainedModel, features: torch.Tensor) -> torch.Tensor:
    tower = getattr(model.model, "vision_tower", None)
    if isinstance(tower, EffLiteModel):
        return tower.typical_features()
    return features.mean()
