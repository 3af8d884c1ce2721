"""What a picture teaches: its attributes and a sentence, with and without words beside it."""

from collections.abc import Mapping

import numpy as np

from models.engine import ItemContent
from models.mllm.prompts import ATTRIBUTES
from stream_app.demo.garments import LOOKS, Garment, caption

__all__ = ["PHOTO_KINDS", "drawn_answer", "photo_answer"]

# The labels of the photos -> the kind that is named; the two catalogues share a word where they
# share a thing.
PHOTO_KINDS: Mapping[str, str] = {
    "dress": "dress",
    "hat": "hat",
    "longsleeve": "longsleeve",
    "outwear": "coat",
    "pants": "trousers",
    "shirt": "shirt",
    "shoes": "shoes",
    "shorts": "shorts",
    "skirt": "skirt",
    "t-shirt": "t-shirt",
}

# A shop's words beside the picture: none that matter, those that name the kind, or all.
_NAMELESS = ("Item", "New arrival", "Article 1042", "Alder Street", "Summer sale", "Product")


def drawn_answer(garment: Garment, rng: np.random.Generator) -> tuple[ItemContent, str]:
    """Return an item as a shop might describe it, and the whole answer to its picture."""
    named = {name: getattr(garment, name) for name in ATTRIBUTES}
    lines = [f"{name}: {value}" for name, value in named.items()]
    chance = rng.random()
    if chance < 0.5:
        words = ItemContent(str(rng.choice(_NAMELESS)))
    elif chance < 0.9:
        words = ItemContent(garment.title, garment.description, (garment.kind,))
    else:
        words = ItemContent(f"{garment.title}, {_claim(rng)}")
    return words, "\n".join([*lines, caption(garment)])


def _claim(rng: np.random.Generator) -> str:
    """What a title may claim: the picture knows better."""
    name = str(rng.choice(ATTRIBUTES))
    return f"{name}: {rng.choice(LOOKS[name])}"


def photo_answer(label: str, rng: np.random.Generator) -> tuple[ItemContent, str]:
    """Return a nameless item, and how the answer to its photo begins: only its kind is known."""
    return ItemContent(str(rng.choice(_NAMELESS))), f"kind: {PHOTO_KINDS[label]}\n"
