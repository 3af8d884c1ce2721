"""Silhouettes of what goes on head and feet: hat and shoes."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from stream_app.demo.shapes import (
    Line,
    Part,
    Piece,
    Places,
    Points,
    Silhouette,
    band,
    closed,
    mirrored,
    opened,
    sharp,
)

__all__ = ["hat", "shoes"]


def hat(rng: np.random.Generator) -> Silhouette:
    """A crown with a dent, and a wide brim."""
    brim, low = rng.uniform(0.78, 0.9), rng.uniform(0.24, 0.3)
    side, top = rng.uniform(0.4, 0.46), rng.uniform(-0.5, -0.36)
    taper, dent = rng.uniform(0.78, 0.92), rng.uniform(0.0, 0.09)
    edge = [
        (-brim, low + 0.06),
        (-brim * 0.6, low + 0.24),
        (0, low + 0.31),
        (brim * 0.6, low + 0.24),
        (brim, low + 0.06),
    ]
    brim_part = closed(
        [*edge, (brim * 0.55, low - 0.06), (0, low - 0.1), (-brim * 0.55, low - 0.06)]
    )
    crown = closed(
        mirrored(
            [
                (0, top + dent),
                (side * taper * 0.55, top - 0.02),
                (side * taper, top + 0.12),
                (side * 0.97, low - 0.2),
                *sharp(side, low + 0.03),
                (side * 0.55, low + 0.1),
                (0, low + 0.13),
            ]
        )
    )
    ribbon = opened(
        [
            (-side * 0.99, low - 0.04),
            (-side * 0.55, low + 0.03),
            (0, low + 0.06),
            (side * 0.55, low + 0.03),
            (side * 0.99, low - 0.04),
        ]
    )
    pieces: tuple[Piece, ...] = (
        Part(brim_part, roundness=0.06),
        Part(crown, roundness=0.16),
        Part(band(ribbon, 0.1), dye="deep", roundness=0.02),
    )
    slope = [
        opened(
            [
                (x * side, low - 0.11),
                (x * side * 0.96, (low + top) / 2),
                (x * side * taper, top + 0.07),
            ]
        )
        for x in (-0.45, 0.45)
    ]
    return Silhouette(
        pieces,
        Places(
            hems=(opened([(x * 0.985, y - 0.012) for x, y in edge]),),
            stripes=tuple(slope),
            waist=ribbon,
            pockets=((0.0, (low + top) / 2 - 0.02),),
            badge=(0.0, (low + top) / 2 - 0.02),
            pocket_size=0.2,
        ),
    )


def shoes(rng: np.random.Generator) -> Silhouette:
    """A pair of low shoes from the side, one in front of the other."""
    ankle, toe = rng.uniform(-0.4, -0.3), rng.uniform(-0.1, -0.02)
    sole = rng.uniform(0.1, 0.16)
    pair = np.array((-0.08, -0.33)), np.array((0.08, 0.26))
    pieces = tuple(_moved(piece, by) for by in pair for piece in _shoe(ankle, toe, sole))
    collar = opened([(-0.71, ankle + 0.02), (-0.5, ankle + 0.12), (-0.25, ankle - 0.02)])
    strap = opened([(-0.73, -0.02), (-0.4, -0.03), (-0.1, -0.08), (0.12, -0.12)])
    slant = opened([(-0.36, 0.19), (-0.3, 0.04), (-0.2, -0.09)])
    return Silhouette(
        pieces,
        Places(
            hems=tuple(collar + by for by in pair),
            stripes=tuple(slant + by for by in pair),
            waist=strap + pair[1],
            badge=(-0.42 + float(pair[1][0]), 0.02 + float(pair[1][1])),
        ),
    )


def _moved(piece: Piece, by: Points) -> Piece:
    if isinstance(piece, Line):
        return replace(piece, points=piece.points + by)
    return replace(piece, outline=piece.outline + by)


def _shoe(ankle: float, toe: float, sole: float) -> Iterator[Piece]:
    """One shoe, toe to the right, from the inside out."""
    inside = [*sharp(-0.7, ankle), (-0.48, ankle - 0.05), *sharp(-0.24, ankle - 0.03)]
    yield Part(closed([*inside, (-0.5, ankle + 0.13)]), dye="deep", roundness=0.03)
    upper = [
        *sharp(-0.7, 0.22),
        (-0.74, 0.0),
        *sharp(-0.72, ankle),
        (-0.5, ankle + 0.12),
        *sharp(-0.24, ankle - 0.04),
        (0.0, ankle + 0.1),
        (0.26, toe - 0.07),
        (0.52, toe),
        (0.76, 0.05),
        (0.83, 0.15),
        *sharp(0.82, 0.22),
    ]
    yield Part(closed(upper), roundness=0.11)
    cap = [*sharp(0.47, 0.2), (0.44, 0.08), *sharp(0.49, toe - 0.01), (0.64, toe + 0.04)]
    tip = [(0.76, 0.05), (0.83, 0.15), *sharp(0.82, 0.2)]
    yield Part(closed([*cap, *tip]), dye="main", roundness=0.06)
    heel = [*sharp(-0.7, 0.2), (-0.74, 0.0), *sharp(-0.735, -0.06), (-0.6, 0.0), *sharp(-0.54, 0.2)]
    yield Part(closed(heel), dye="main", roundness=0.05)
    tread, round_end = 0.18 + sole, 0.18 + sole * 0.5
    under = [
        *sharp(-0.74, 0.18),
        *sharp(0.84, 0.18),
        (0.87, round_end),
        (0.8, tread),
        (0.5, tread),
        (-0.4, tread),
        (-0.72, tread),
        (-0.78, round_end),
    ]
    yield Part(closed(under), dye="cream", roundness=0.04)
    yield Line(opened([(-0.76, round_end), (0.85, round_end)]), "leather", 0.01)
    holes = zip(np.linspace(-0.2, 0.2, 5), np.linspace(ankle, toe - 0.1, 5), strict=True)
    for x, y in holes:
        yield Line(opened([(x - 0.01, y + 0.13), (x + 0.05, y)]), "trim", 0.032)
