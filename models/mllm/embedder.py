"""Text and picture -> one unit vector: half its square is text, half picture.

Text by sentence-transformers, picture by the mean of the model's own vision tower, so that even an
untrained projector takes nothing from it. An input without a picture has zeros in the picture's
half: its cosine with an input that has both is the cosine of their texts times sqrt(w), about 0.71.
Rankings against one such query are those of the texts; only scores of mixed pairs are lower.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from transformers import BatchFeature, PreTrainedModel

from models.errors import ModelLoadError
from models.mllm.efflite import EffLiteModel
from models.mllm.load import EMBEDDER_FOLDER, LoadedModel
from models.mllm.text_embedder import TextEmbedder

__all__ = ["TEXT_WEIGHT", "Embedder"]

# The share of the text in the cosine of two inputs that have both.
TEXT_WEIGHT = 0.5

PROBE_SIZE = (224, 224)

# Pictures that go through the tower together.
BATCH_SIZE = 32
PIXELS = "pixel_values"

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
            self._vision_size = self.see([Image.new("RGB", PROBE_SIZE)]).shape[1]
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
        if texts:
            rows[:, : self._text_size] = np.sqrt(TEXT_WEIGHT) * self._text.embed(texts)
        seen = [row for row, picture in enumerate(pictures) if picture is not None]
        if seen:
            vectors = self.see([picture for picture in pictures if picture is not None])
            rows[seen, self._text_size :] = np.sqrt(1 - TEXT_WEIGHT) * vectors
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    @torch.inference_mode()
    def see(self, pictures: Sequence[Image.Image]) -> Vector:
        """Return pictures as unit rows, shape `(len(pictures), vision size)`."""
        inputs = [self._image_processor(images=[one], return_tensors="pt") for one in pictures]
        found: dict[int, Vector] = {}
        for batch in _alike(inputs):
            features = self._features([inputs[row] for row in batch])
            found.update(zip(batch, features.cpu().numpy(), strict=True))
        return np.stack([found[row] for row in range(len(pictures))])

    def _features(self, inputs: Sequence[BatchFeature]) -> torch.Tensor:
        """Return unit rows of pictures that are cut up alike."""
        together = BatchFeature(
            {name: torch.cat([one[name] for one in inputs]) for name in inputs[0]}
        ).to(self._model.device, self._model.dtype)
        tokens = self._model.get_image_features(**together).last_hidden_state
        features = tokens.float().reshape(len(inputs), -1, tokens.shape[-1]).mean(dim=1)
        # Without its centre, each picture resembles each other one, and none in particular.
        centred = features - _centre(self._model, features)
        return centred / centred.norm(dim=1, keepdim=True).clamp_min(1e-6)


def _alike(inputs: Sequence[BatchFeature]) -> Iterator[list[int]]:
    """Yield which pictures the model cuts up alike, in batches: they have as many tokens each."""
    groups: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for row, one in enumerate(inputs):
        groups[_layout(one)].append(row)
    for rows in groups.values():
        for first in range(0, len(rows), BATCH_SIZE):
            yield rows[first : first + BATCH_SIZE]


def _layout(inputs: BatchFeature) -> tuple[object, ...]:
    """Return the shape of the pixels, and the values of all that says how to read them."""
    return tuple(
        (name, tuple(tensor.shape), None if name == PIXELS else tensor.numpy().tobytes())
        for name, tensor in sorted(inputs.items())
    )


def _centre(model: PreTrainedModel, features: torch.Tensor) -> torch.Tensor:
    tower = getattr(model.model, "vision_tower", None)
    if isinstance(tower, EffLiteModel):
        return tower.typical_features()
    return features.mean(dim=1, keepdim=True)
