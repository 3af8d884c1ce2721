"""Titles, descriptions and prices that say nothing of how a garment looks.

A recommender that only reads must not be able to guess colour or pattern, so the words come from
a random stream of their own and know the kind alone.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["Wording", "word"]


@dataclass(frozen=True)
class Wording:
    """What the shop writes beside the picture; the price is in the shop's currency."""

    title: str
    description: str
    price: float


_LINES = (
    "Alder Street", "North Pier", "Marlow", "Fenwick", "Harbour Lane", "Quiet Hours", "Tallis",
    "Second Platform", "Ostrava", "Linden Row", "Weekday", "Kestrel", "Old Mill", "Pemberton",
    "Southgate", "Corner House", "Halyard", "Morrow", "Bridge & Sons", "Upper Deck", "Juniper Hall",
    "Station Nine", "Wren", "Calder",
)  # fmt: skip
_FITS = ("Relaxed fit", "Regular fit", "Slim fit", "Easy fit", "Tailored fit", "Roomy fit")
_FABRICS = (
    "organic cotton", "a cotton and linen blend", "recycled polyester", "soft viscose",
    "sturdy cotton twill", "a wool blend", "brushed cotton", "hemp and cotton",
)  # fmt: skip
_FEELS = (
    "soft to the touch", "made to last for years", "comfortable from morning to night",
    "light enough for travel", "keeps its shape", "breathes well on warm days",
)  # fmt: skip
_CARES = (
    "Machine wash cold.", "Wash at 30 degrees.", "Hand wash, dry flat.",
    "Dry clean only.", "Wash inside out, do not tumble dry.",
)  # fmt: skip
_ORIGINS = ("Made in Portugal.", "Made in Lithuania.", "Sewn in Tunisia.", "Made in Vietnam.")

_PRICES: dict[str, tuple[int, int]] = {
    "t-shirt": (12, 35),
    "shirt": (29, 79),
    "hoodie": (35, 89),
    "dress": (39, 149),
    "skirt": (25, 79),
    "trousers": (35, 119),
    "shorts": (19, 59),
    "coat": (89, 299),
    "hat": (15, 59),
    "shoes": (49, 159),
}


def word(kind: str, rng: np.random.Generator) -> Wording:
    """Draw the words and the price for a garment of this kind."""

    def one_of(choices: tuple[str, ...]) -> str:
        return choices[rng.integers(len(choices))]

    low, high = _PRICES[kind]
    title = f"{one_of(_LINES)} {kind}"
    cut = f"{one_of(_FITS)} in {one_of(_FABRICS)}, {one_of(_FEELS)}."
    description = f"{cut} {one_of(_CARES)} {one_of(_ORIGINS)}"
    return Wording(title, description, price=int(rng.integers(low, high + 1)) - 0.05)
