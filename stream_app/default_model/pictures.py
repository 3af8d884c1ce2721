"""Pictures to learn from, as the vision tower sees them: drawn garments and photos of clothes."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from models.mllm.load import LoadedModel
from stream_app.demo.garments import Garment, draw, draw_catalogue
from stream_app.show import Progress

__all__ = [
    "LEARNED",
    "UNSEEN",
    "Photo",
    "PhotosMissingError",
    "drawn_garments",
    "features_of",
    "labelled_photos",
]

# Another seed than the demo's catalogue, so that no garment of the shop was ever learned.
SEED = 1000
LEARNED, UNSEEN = 6300, 700
BATCH_SIZE = 16


class PhotosMissingError(Exception):
    """The photos of clothes are not where they were looked for."""


@dataclass(frozen=True)
class Photo:
    """A photo of a garment; `label` is one of ten, `split` is train, validation or test."""

    path: Path
    label: str
    split: str


def drawn_garments() -> tuple[list[Garment], list[Garment]]:
    """Return the garments to learn from, and others that the model never sees in training."""
    garments = list(draw_catalogue(LEARNED + UNSEEN, seed=SEED))
    return garments[:LEARNED], garments[LEARNED:]


def labelled_photos(folder: Path) -> list[Photo]:
    """Return the photos of a folder with an items.jsonl of item_id, label, split and image.

    Raises:
        PhotosMissingError: If there is none; says what to fetch.
    """
    items = folder / "items.jsonl"
    if not items.exists():
        raise PhotosMissingError(
            f"no {items}: fetch alexeygrigorev/clothing-dataset-small (CC0) and write one line per"
            f' photo, {{"item_id", "label", "split", "image"}}; or name the folder with --photos'
        )
    rows = [json.loads(line) for line in items.read_text().splitlines()]
    return [Photo(folder / row["image"], row["label"], row["split"]) for row in rows]


def features_of(
    loaded: LoadedModel,
    pictures: Sequence[Garment | Photo],
    cache: Path,
    *,
    progress: Progress,
) -> torch.Tensor:
    """Return the vision tower's tokens as float16, shape `(pictures, tokens, vision size)`.

    About 50 ms a picture on a CPU, so they are kept in `cache` and read from there next time.
    """
    if not cache.exists():
        found = list(_seen(loaded, pictures, progress))
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.save(cache, np.concatenate(found))
    features: NDArray[np.float16] = np.load(cache)
    if len(features) != len(pictures):
        raise ValueError(f"{cache} has {len(features)} pictures, not {len(pictures)}: delete it")
    return torch.from_numpy(features)


@torch.inference_mode()
def _seen(
    loaded: LoadedModel, pictures: Sequence[Garment | Photo], progress: Progress
) -> Iterator[NDArray[np.float16]]:
    for start in range(0, len(pictures), BATCH_SIZE):
        opened = [_opened(one) for one in pictures[start : start + BATCH_SIZE]]
        inputs = loaded.processor.image_processor(images=opened, return_tensors="pt")
        inputs = inputs.to(loaded.device, loaded.model.dtype)
        tokens = loaded.model.model.vision_tower(**inputs).last_hidden_state
        yield tokens.half().cpu().numpy()
        progress("looking at pictures", min(start + BATCH_SIZE, len(pictures)), len(pictures))


def _opened(picture: Garment | Photo) -> Image.Image:
    source = BytesIO(draw(picture)) if isinstance(picture, Garment) else picture.path
    with Image.open(source) as opened:
        return opened.convert("RGB")
