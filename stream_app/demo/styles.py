"""The styles of the demo catalogue: each dresses a silhouette's places in its own way."""

from collections.abc import Callable, Iterator

import numpy as np

from stream_app.demo.shapes import (
    NUM_BUTTONS,
    Line,
    Mark,
    Part,
    Piece,
    Places,
    Point,
    Points,
    band,
    both,
    closed,
    disc,
    sharp,
)

__all__ = ["STYLES", "dressed"]

Style = Callable[[Places], Iterator[Piece]]


def dressed(places: Places, style: str) -> tuple[Piece, ...]:
    """Return the details that the style adds, from back to front."""
    return tuple(STYLES[style](places))


def _casual(places: Places) -> Iterator[Piece]:
    """Patch pockets, visible stitching, a cloth label."""
    for hem in places.hems:
        yield Line(band(hem, 0.0, offset=-0.05)[: len(hem)], "trim", 0.013, dashed=True)
    for pocket in places.pockets:
        yield from _patch_pocket(pocket, places.pocket_size)
    if not places.pockets and places.badge:
        yield Part(disc(places.badge, 0.1), dye="leather", roundness=0.02)
        yield Line(disc(places.badge, 0.075), "cream", 0.013, dashed=True)


def _sporty(places: Places) -> Iterator[Piece]:
    """Pairs of stripes down the sides, bands at the edges, a round badge."""
    for hem in places.hems:
        yield Mark(band(hem, 0.04, offset=-0.06), "trim")
    for stripe in places.stripes:
        yield Mark(band(stripe, 0.035, offset=-0.035), "trim")
        yield Mark(band(stripe, 0.035, offset=0.035), "trim")
    if places.badge:
        yield Mark(disc(places.badge, 0.075), "trim")
        yield Mark(_bolt(places.badge), "main")


def _elegant(places: Places) -> Iterator[Piece]:
    """A slim dark belt with a golden buckle, golden buttons, piped edges."""
    for hem in places.hems:
        yield Mark(band(hem, 0.018, offset=-0.03), "gold")
    if places.waist is not None:
        yield Part(band(places.waist, 0.075), dye="leather", roundness=0.02)
        yield from _buckle(places.waist)
    if places.front is not None:
        yield from _buttons(places.front, dye="gold", radius=0.032)


def _vintage(places: Places) -> Iterator[Piece]:
    """Lace at the edges, a pale collar, wooden buttons."""
    for hem in places.hems:
        yield from _lace(hem)
    if places.collar is not None:
        for side in both(places.collar):
            yield Part(side, dye="cream", roundness=0.04)
            yield Line(np.vstack([side, side[:1]]) * 0.97 + side.mean(axis=0) * 0.03, "wood", 0.009)
    if places.front is not None:
        yield from _buttons(places.front, dye="wood", radius=0.042)
    if places.collar is None and places.waist is not None:
        yield Mark(band(places.waist, 0.05), "cream")


STYLES: dict[str, Style] = {
    "casual": _casual,
    "sporty": _sporty,
    "elegant": _elegant,
    "vintage": _vintage,
}


def _patch_pocket(middle: Point, size: float) -> Iterator[Piece]:
    half = size / 2
    pocket = np.array([(-1, -1), (1, -1), (1, 0.6), (0, 1.15), (-1, 0.6)]) * half
    outline = closed([point for x, y in pocket + middle for point in sharp(x, y)])
    yield Part(outline, dye="main", roundness=0.03)
    inner = pocket[[0, 4, 3, 2, 1]] * 0.82 + middle
    yield Line(inner, "trim", 0.012, dashed=True)
    top = np.array([(-1.0, -0.62), (1.0, -0.62)]) * half + middle
    yield Line(top, "trim", 0.012, dashed=True)


def _bolt(middle: Point) -> Points:
    bolt = np.array([(0.1, -1), (-0.5, 0.15), (-0.05, 0.15), (-0.15, 1), (0.5, -0.2), (0.05, -0.2)])
    return np.asarray(bolt * 0.058 + middle)


def _buckle(waist: Points) -> Iterator[Piece]:
    x, y = waist[len(waist) // 2]
    for half, dye in ((0.065, "gold"), (0.038, "leather")):
        corners = [
            (x - half, y - half),
            (x + half, y - half),
            (x + half, y + half),
            (x - half, y + half),
        ]
        yield Part(
            closed([p for corner in corners for p in sharp(*corner)]), dye=dye, roundness=0.015
        )


def _buttons(line: Points, *, dye: str, radius: float) -> Iterator[Piece]:
    for x, y in np.linspace(line[0], line[-1], NUM_BUTTONS):
        yield Part(disc((x, y), radius), dye=dye, roundness=radius / 2)
        yield Line(np.array([(x - radius / 4, y), (x + radius / 4, y)]), "deep", 0.016)


def _lace(hem: Points) -> Iterator[Piece]:
    """Pale scallops along an edge, under a row of stitches."""
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(hem, axis=0).T))])
    num_scallops = max(3, round(length[-1] / 0.085))
    share = np.linspace(0, 1, num_scallops * 8 + 1)
    edge = np.column_stack([np.interp(share * length[-1], length, xy) for xy in hem.T])
    depth = 0.075 + 0.045 * np.abs(np.sin(np.pi * num_scallops * share))[:, None]
    yield Part(band(edge, depth, offset=depth / 2 - 0.07), dye="cream", roundness=0.025)
    yield Line(band(hem, 0.0, offset=-0.04)[: len(hem)], "wood", 0.011, dashed=True)
