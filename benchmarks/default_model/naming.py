"""Does it name what a picture shows? Beside it what a linear probe gets from the same features."""

from collections.abc import Iterator, Sequence
from io import BytesIO

import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.engine import Engine, ItemContent
from models.mllm.prompts import ATTRIBUTES
from stream_app.default_model.picture_answers import PHOTO_KINDS
from stream_app.default_model.pictures import Photo
from stream_app.demo.garments import Garment, draw
from stream_app.show import Progress

__all__ = ["naming_of_garments", "naming_of_photos", "probe", "read_all"]

BATCH_SIZE = 16
# A title that tells nothing, so that all the answer says comes from the picture.
NAMELESS = "Item"


def read_all(
    engine: Engine, contents: Sequence[ItemContent], progress: Progress
) -> Iterator[dict[str, str]]:
    """Yield what the engine's readings name."""
    for start in range(0, len(contents), BATCH_SIZE):
        batch = contents[start : start + BATCH_SIZE]
        yield from (reading.attributes for reading in engine.profile(batch))
        progress("reading pictures", start + len(batch), len(contents))


def naming_of_garments(
    engine: Engine, garments: Sequence[Garment], progress: Progress
) -> dict[str, float]:
    """Return for each attribute the share of garments for which exactly the right word is said."""
    contents = [ItemContent(NAMELESS, jpeg=draw(garment)) for garment in garments]
    readings = list(read_all(engine, contents, progress))
    return {
        name: _share(
            read.get(name) == getattr(garment, name)
            for read, garment in zip(readings, garments, strict=True)
        )
        for name in ATTRIBUTES
    }


def naming_of_photos(engine: Engine, photos: Sequence[Photo], progress: Progress) -> float:
    """Return the share of photos whose kind is named exactly."""
    contents = [ItemContent(NAMELESS, jpeg=_jpeg(photo)) for photo in photos]
    readings = read_all(engine, contents, progress)
    return _share(
        read.get("kind") == PHOTO_KINDS[photo.label]
        for read, photo in zip(readings, photos, strict=True)
    )


def probe(
    learned: torch.Tensor, told: Sequence[str], unseen: torch.Tensor, expected: Sequence[str]
) -> float:
    """Return the accuracy of logistic regression on the pooled features of the vision tower."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
    model.fit(_pooled(learned), told)
    return float(model.score(_pooled(unseen), expected))


def _pooled(features: torch.Tensor) -> object:
    return features.float().mean(1).numpy()


def _jpeg(photo: Photo) -> bytes:
    encoded = BytesIO()
    with Image.open(photo.path) as opened:
        opened.convert("RGB").save(encoded, "JPEG", quality=92)
    return encoded.getvalue()


def _share(hits: Iterator[bool]) -> float:
    found = list(hits)
    return sum(found) / len(found)
