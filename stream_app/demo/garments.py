"""The demo catalogue: garments that are drawn, not photographed.

The picture alone tells colour and pattern; the words beside it never do. So a recommender that
does not look at pictures can't get these right, and a test can say by how much seeing helps.
"""

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice

import numpy as np

from stream_app.demo.accessories import hat, shoes
from stream_app.demo.bottoms import dress, shorts, skirt, trousers
from stream_app.demo.colours import COLOURS, mix_dyes
from stream_app.demo.painting import Cloth, paint
from stream_app.demo.patterns import PATTERNS
from stream_app.demo.shapes import Silhouette
from stream_app.demo.styles import STYLES, dressed
from stream_app.demo.tops import coat, hoodie, shirt, t_shirt
from stream_app.demo.wording import word

__all__ = ["KINDS", "LOOKS", "Garment", "caption", "draw", "draw_catalogue"]

KINDS: dict[str, Callable[[np.random.Generator], Silhouette]] = {
    "t-shirt": t_shirt,
    "shirt": shirt,
    "hoodie": hoodie,
    "dress": dress,
    "skirt": skirt,
    "trousers": trousers,
    "shorts": shorts,
    "coat": coat,
    "hat": hat,
    "shoes": shoes,
}

# By the name of an attribute all that it can be.
LOOKS: dict[str, tuple[str, ...]] = {
    "kind": tuple(KINDS),
    "colour": tuple(COLOURS),
    "pattern": tuple(PATTERNS),
    "style": tuple(STYLES),
}
_PAIRS = frozenset({"trousers", "shorts", "shoes"})
_JPEG_QUALITY = 88


@dataclass(frozen=True)
class Garment:
    """An item of the demo catalogue; only its picture tells `colour`, `pattern` and `style`."""

    item_id: str
    kind: str
    colour: str
    pattern: str
    style: str
    title: str
    description: str
    price: float


def draw_catalogue(num_items: int = 512, *, seed: int = 7) -> Iterator[Garment]:
    """Yield garments with all attributes equally frequent.

    Every attribute is dealt from a deck of its own, so that none tells another. A longer
    catalogue of the same seed begins with the shorter one.
    """
    looks, words = np.random.default_rng(seed).spawn(2)
    kinds, colours, patterns, styles = (
        _dealt(names, rng)
        for names, rng in zip(LOOKS.values(), looks.spawn(len(LOOKS)), strict=True)
    )
    attributes = zip(count(), kinds, colours, patterns, styles)
    for index, kind, colour, pattern, style in islice(attributes, num_items):
        wording = word(kind, words)
        yield Garment(
            item_id=f"garment-{index:05d}",
            kind=kind,
            colour=colour,
            pattern=pattern,
            style=style,
            title=wording.title,
            description=wording.description,
            price=wording.price,
        )


def _dealt(names: Sequence[str], rng: np.random.Generator) -> Iterator[str]:
    """Deal the names for ever: each once, in random order, then shuffled anew."""
    while True:
        for position in rng.permutation(len(names)):
            yield names[position]


def draw(garment: Garment) -> bytes:
    """Return the garment's picture, a 256 px square JPEG; item_id and looks decide every byte."""
    rng = np.random.default_rng(_fingerprint(garment))
    silhouette = KINDS[garment.kind](rng)
    cloth = Cloth(
        dyes=mix_dyes(garment.colour, rng),
        pattern=PATTERNS[garment.pattern],
        repeats=rng.uniform(5.0, 7.0),
    )
    picture = paint((*silhouette.pieces, *dressed(silhouette.places, garment.style)), cloth, rng)
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=_JPEG_QUALITY)
    return encoded.getvalue()


def _fingerprint(garment: Garment) -> int:
    looks = (garment.item_id, garment.kind, garment.colour, garment.pattern, garment.style)
    return int.from_bytes(hashlib.blake2b("\0".join(looks).encode(), digest_size=16).digest())


def caption(garment: Garment) -> str:
    """Say exactly what the picture shows: "A sporty red striped t-shirt."."""
    looks = f"{garment.style} {garment.colour} {garment.pattern} {garment.kind}"
    return f"A pair of {looks}." if garment.kind in _PAIRS else f"{_with_article(looks)}."


def _with_article(words: str) -> str:
    return f"An {words}" if words[0] in "aeiou" else f"A {words}"
