"""What a drawn garment is made of: outlined pieces, and the places that a style dresses.

Coordinates run from -1 to 1, x to the right, y down, the garment's middle at the origin.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "NUM_BUTTONS",
    "Line",
    "Mark",
    "Part",
    "Piece",
    "Places",
    "Point",
    "Points",
    "Silhouette",
    "band",
    "both",
    "closed",
    "disc",
    "mirrored",
    "opened",
    "sharp",
]

Point = tuple[float, float]
Points = NDArray[np.float64]

# One number for all, so that a style's buttons cover the buttons a silhouette has of its own.
NUM_BUTTONS = 4
_STEPS = 8  # straight pieces per curve segment: no corner shows at 256 px


@dataclass(frozen=True)
class Part:
    """A piece with a body of its own: shaded, outlined, with a shadow on what it covers.

    `dye` names a colour of `Dyes`, or "fabric" for the patterned cloth; `grain` turns the pattern,
    in radians; `pleats` in `[0, 1]` is how deep folds run down it; `roundness` is how far from
    the edge it curves, in the frame's units.
    """

    outline: Points
    dye: str = "fabric"
    grain: float = 0.0
    pleats: float = 0.0
    roundness: float = 0.09


@dataclass(frozen=True)
class Mark:
    """A flat area on the garment, such as a stripe: it takes the folds of what lies under it."""

    outline: Points
    dye: str


@dataclass(frozen=True)
class Line:
    """A thin line on the garment; dashed it is a stitch, otherwise a seam, a lace or a cord."""

    points: Points
    dye: str = "deep"
    width: float = 0.012
    dashed: bool = False


Piece = Part | Mark | Line


@dataclass(frozen=True)
class Places:
    """Where a style may put its details; a silhouette leaves out what it does not have.

    `hems` are open edges, each from left to right; `stripes` run along sleeves, legs or sides;
    `front` is the line of buttons, `waist` the line of a belt; `collar` is the right half of a
    flat collar; `pockets` and `badge` are middles.
    """

    hems: tuple[Points, ...] = ()
    stripes: tuple[Points, ...] = ()
    front: Points | None = None
    waist: Points | None = None
    collar: Points | None = None
    pockets: tuple[Point, ...] = ()
    badge: Point | None = None
    pocket_size: float = 0.2


@dataclass(frozen=True)
class Silhouette:
    """A garment before it is styled: its pieces from back to front, and its places."""

    pieces: tuple[Piece, ...]
    places: Places


def sharp(x: float, y: float) -> tuple[Point, Point]:
    """A corner: the same point twice, where a curve through it has no tangent to keep."""
    return (x, y), (x, y)


def mirrored(half: Sequence[Point]) -> list[Point]:
    """Close the right half of an outline, given from top to bottom, with its mirror image."""
    return [*half, *((-x, y) for x, y in reversed(half) if x)]


def both(points: Points) -> tuple[Points, Points]:
    """The given right-hand points and their left-hand twin, which runs from left to right too."""
    return points, (points * (-1, 1))[::-1]


def closed(points: Iterable[Point | Points]) -> Points:
    """A smooth closed curve through the points, shape `(n, 2)`."""
    knots = np.array(list(points), dtype=float)
    return _hermite(knots, np.roll(knots, 1, axis=0), np.roll(knots, -1, axis=0))


def opened(points: Iterable[Point | Points]) -> Points:
    """A smooth curve from the first point to the last, shape `(n, 2)`."""
    knots = np.array(list(points), dtype=float)
    before = np.vstack([knots[:1], knots[:-1]])
    after = np.vstack([knots[1:], knots[-1:]])
    curve = _hermite(knots, before, after)[: (len(knots) - 1) * _STEPS]
    return np.vstack([curve, knots[-1:]])


def _hermite(knots: Points, before: Points, after: Points) -> Points:
    """Catmull-Rom spline: cubic pieces whose tangent at a knot joins the knot's neighbours."""
    tangents = (after - before) / 2
    end, end_tangents = np.roll(knots, -1, axis=0), np.roll(tangents, -1, axis=0)
    # Between the two copies of a corner there is no way to go; tangents would draw a loop there.
    stands = (knots == end).all(axis=1)[:, None, None]
    t = np.linspace(0, 1, _STEPS, endpoint=False)[None, :, None]
    curve = (
        (2 * t**3 - 3 * t**2 + 1) * knots[:, None]
        + (t**3 - 2 * t**2 + t) * tangents[:, None]
        + (3 * t**2 - 2 * t**3) * end[:, None]
        + (t**3 - t**2) * end_tangents[:, None]
    )
    return np.where(stands, knots[:, None], curve).reshape(-1, 2)


def band(line: Points, width: float | Points, *, offset: float | Points = 0.0) -> Points:
    """The outline of a ribbon of this width along a line, moved sideways by `offset`.

    Both may vary along the line, shape `(n, 1)`. A positive offset lies to the right of the way
    the line goes.
    """
    along = np.gradient(line, axis=0)
    along /= np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
    right = np.column_stack([-along[:, 1], along[:, 0]])
    near, far = line + right * (offset - width / 2), line + right * (offset + width / 2)
    return np.vstack([near, far[::-1]])


def disc(middle: Point, radius: float, *, flat: float = 1.0) -> Points:
    """A circle, or an ellipse whose height is `flat` times its width."""
    angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    return np.column_stack([np.cos(angle), flat * np.sin(angle)]) * radius + middle
