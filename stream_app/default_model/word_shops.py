"""Shops that exist in words only: what to like is an interest, and titles say nothing.

A model that met garments alone would rank garments alone. Here it sees films, books, food and
more, so that it learns to compare a person with an item, not colours with colours.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["SHOPS", "WordShop", "title"]


@dataclass(frozen=True)
class WordShop:
    """What is sold, what it can be about, and what titles are made of."""

    topics: tuple[str, ...]
    first: tuple[str, ...]
    second: tuple[str, ...]
    has_year: bool = False


_ADJECTIVES = (
    "Silent", "Golden", "Broken", "Last", "Northern", "Hidden", "Little", "Burning", "Second",
    "Crooked", "Midnight", "Paper", "Winter", "Distant", "Iron", "Velvet", "Open", "Lost",
    "Early", "Hollow", "Quick", "Salt", "Wild", "Blue", "Long", "Seventh", "Secret", "Gentle",
)  # fmt: skip
_NOUNS = (
    "Harbour", "Garden", "Engine", "Promise", "River", "Street", "Window", "Letter", "Signal",
    "Mountain", "Kitchen", "Orchard", "Bridge", "Song", "Station", "Valley", "Mirror", "Night",
    "Island", "Road", "Table", "Lantern", "Forest", "Hour", "Compass", "Stone", "Train", "Field",
)  # fmt: skip
_MAKERS = (
    "Kestrel", "Ostrava", "Linden", "Marlow", "Tallis", "Juniper", "Calder", "Fenwick", "Wren",
    "Halyard", "Morrow", "Pemberton", "Alder", "Birch", "Corvin", "Delft", "Egret", "Fjord",
)  # fmt: skip

SHOPS: dict[str, WordShop] = {
    "films": WordShop(
        (
            "Action", "Adventure", "Animation", "Children", "Comedy", "Crime", "Documentary",
            "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi",
            "Thriller", "War", "Western",
        ),
        _ADJECTIVES, _NOUNS, has_year=True,
    ),
    "books": WordShop(
        (
            "biography", "history", "poetry", "crime", "travel", "cooking", "philosophy",
            "science", "fantasy", "romance", "short stories", "gardening", "economics", "memoir",
            "art", "nature",
        ),
        _ADJECTIVES, _NOUNS,
    ),
    "food": WordShop(
        (
            "Italian", "Thai", "Indian", "Mexican", "vegan", "baking", "seafood", "grill", "soup",
            "salad", "dessert", "breakfast", "noodles", "rice", "spicy", "cheese",
        ),
        _ADJECTIVES, ("Bowl", "Plate", "Pot", "Pan", "Basket", "Board", "Table", "Kitchen"),
    ),
    "music": WordShop(
        (
            "jazz", "rock", "folk", "techno", "classical", "hip hop", "soul", "ambient", "punk",
            "country", "opera", "blues", "reggae", "metal", "pop", "choir",
        ),
        _ADJECTIVES, _NOUNS,
    ),
    "things": WordShop(
        (
            "camera", "headphones", "keyboard", "lamp", "desk", "chair", "bicycle", "tent",
            "backpack", "watch", "kettle", "speaker", "monitor", "rug", "vase", "knife",
        ),
        _MAKERS, ("One", "Classic", "Mini", "Pro", "Max", "Studio", "Home", "Trail", "Lite"),
    ),
    "games": WordShop(
        (
            "puzzle", "strategy", "racing", "role-playing", "shooter", "simulation", "sports",
            "platformer", "card game", "board game", "co-op", "survival", "horror", "farming",
        ),
        _ADJECTIVES, _NOUNS,
    ),
}  # fmt: skip


def title(shop: WordShop, rng: np.random.Generator) -> str:
    """Draw a title such as "Silent Harbour (1987)"."""
    words = f"{rng.choice(shop.first)} {rng.choice(shop.second)}"
    return f"{words} ({rng.integers(1950, 2024)})" if shop.has_year else words
