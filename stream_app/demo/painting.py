"""Paint a garment's pieces as a picture: cloth, light, folds, shadow and a soft background.

Colour and light are kept apart until the end: a stripe changes the colour of the cloth and lies
in the same folds, a fold changes the light and runs through every stripe.
"""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from stream_app.demo.colours import Dyes
from stream_app.demo.patterns import Field, Pattern
from stream_app.demo.shapes import Line, Mark, Part, Piece, Points

__all__ = ["SIZE_PX", "Cloth", "paint"]

SIZE_PX = 256
# Outlines are filled on a grid this much finer and averaged down, so that edges are smooth.
_FINER = 3
# Folds are smooth: they are computed on a grid this much coarser.
_COARSER = 4

Window = tuple[slice, slice]


@dataclass(frozen=True)
class Cloth:
    """What a garment is made of. `repeats` is how often the pattern repeats per frame unit."""

    dyes: Dyes
    pattern: Pattern
    repeats: float


def paint(pieces: tuple[Piece, ...], cloth: Cloth, rng: np.random.Generator) -> Image.Image:
    """Return an RGB picture of `SIZE_PX` squared; the rng gives pose, light, folds and backdrop."""
    canvas = _Canvas(cloth, pieces, rng)
    for piece in pieces:
        match piece:
            case Part():
                canvas.add_part(piece)
            case Mark():
                canvas.add_mark(piece)
            case Line():
                canvas.add_line(piece)
    return canvas.finish(rng)


class _Canvas:
    """Light and coverage of the garment so far, `(SIZE_PX, SIZE_PX)`, and colour, `(3, ...)`."""

    def __init__(self, cloth: Cloth, pieces: tuple[Piece, ...], rng: np.random.Generator) -> None:
        self._cloth = cloth
        outlines = np.vstack([piece.outline for piece in pieces if isinstance(piece, Part)])
        low, high = outlines.min(axis=0), outlines.max(axis=0)
        self._scale_px = SIZE_PX * rng.uniform(0.74, 0.84) / float((high - low).max())
        self._turn = _rotation(np.radians(rng.normal(0, 3.5)))
        middle = (low + high) / 2 @ self._turn * self._scale_px
        self._middle_px = SIZE_PX / 2 - middle + rng.uniform(-6, 6, 2)
        # Minus half pi is straight from above: the light comes from there or from an upper corner.
        self._light = _rotation(rng.uniform(-2.6, -0.5))[0].astype(np.float32)
        self._x, self._y = self._frame()
        coarse_x, coarse_y = (field[::_COARSER, ::_COARSER] for field in (self._x, self._y))
        self._creases = _enlarged(_creases(coarse_x, coarse_y, rng))
        self._pleats = _enlarged(_pleats(coarse_x, coarse_y, rng))
        self._colour = np.zeros((3, SIZE_PX, SIZE_PX), dtype=np.float32)
        self._shade = np.ones((SIZE_PX, SIZE_PX), dtype=np.float32)
        self._cover = np.zeros((SIZE_PX, SIZE_PX), dtype=np.float32)

    def add_part(self, part: Part) -> None:
        radius_px = part.roundness * self._scale_px
        at, mask = self._filled(part.outline, margin_px=4 + 2 * round(radius_px))
        height = _blurred(mask, radius_px)
        # What curves out of the part's edge is its shadow on what lies below.
        self._shade[at] *= 1 - 0.35 * height * self._cover[at]
        self._lay(at, mask, self._dyed(part, at))
        light = self._relief(part, at, height, radius_px)
        self._shade[at] += mask * (light - self._shade[at])
        np.maximum(self._cover[at], mask, out=self._cover[at])
        self._darken(np.vstack([part.outline, part.outline[:1]]), width_px=1.3, by=0.38)

    def add_mark(self, mark: Mark) -> None:
        at, mask = self._filled(mark.outline)
        self._lay(at, mask * self._cover[at], self._dye(mark.dye))
        self._darken(np.vstack([mark.outline, mark.outline[:1]]), width_px=0.7, by=0.22)

    def add_line(self, line: Line) -> None:
        width_px = line.width * self._scale_px
        at, mask = self._stroked(line.points, width_px, dashed=line.dashed)
        if not line.dashed:
            self._shade[at] *= 1 - 0.25 * _blurred(mask, 1.5) * self._cover[at]
        self._lay(at, mask * self._cover[at], self._dye(line.dye))

    def finish(self, rng: np.random.Generator) -> Image.Image:
        picture = self._backdrop(rng)
        # Light on dark cloth is seen by its sheen, which a product of colour and light can't show.
        self._colour *= self._shade
        self._colour += 26 * self._shade - 23
        self._colour -= picture
        self._colour *= self._cover
        picture += self._colour
        picture += 1.6 * rng.standard_normal((SIZE_PX, SIZE_PX), dtype=np.float32)
        channels = np.clip(picture, 0, 255, out=picture).astype(np.uint8)
        return Image.merge("RGB", [Image.fromarray(channel) for channel in channels])

    def _frame(self) -> tuple[Field, Field]:
        """Where each pixel's middle lies in the garment's frame."""
        along = np.arange(SIZE_PX, dtype=np.float32) + np.float32(0.5)
        columns, rows = (along - np.float32(middle) for middle in self._middle_px)
        turn = (self._turn / self._scale_px).astype(np.float32)
        return (
            columns * turn[0, 0] + rows[:, None] * turn[0, 1],
            columns * turn[1, 0] + rows[:, None] * turn[1, 1],
        )

    def _lay(self, at: Window, mask: Field, colour: Field) -> None:
        below = self._colour[:, *at]
        below += mask * (colour - below)

    def _dye(self, name: str) -> Field:
        dye: Field = getattr(self._cloth.dyes, name)
        return dye[:, None, None]

    def _dyed(self, part: Part, at: Window) -> Field:
        if part.dye != "fabric":
            return self._dye(part.dye)
        pull = np.float32(0.03) * self._creases[at]
        x, y = self._x[at] + pull, self._y[at] + pull
        sine, cosine = np.float32(math.sin(part.grain)), np.float32(math.cos(part.grain))
        u, v = x * cosine + y * sine, y * cosine - x * sine
        repeats = np.float32(self._cloth.repeats)
        shown = self._cloth.pattern(np.asarray(u * repeats), np.asarray(v * repeats))
        main, second = self._dye("main"), self._dye("second")
        return np.asarray(main + shown * (second - main))

    def _relief(self, part: Part, at: Window, height: Field, radius_px: float) -> Field:
        """Light on the part: darker to the rim, brighter to the light, folded where it falls."""
        rim = np.clip(height * 2 - 1, 0, 1)
        dx, dy = np.round(self._light * radius_px * 0.6).astype(int)
        towards = np.roll(height, (dy, dx), (0, 1)) - np.roll(height, (-dy, -dx), (0, 1))
        slope = self._x[at] * self._light[0] + self._y[at] * self._light[1]
        folds = 0.14 * self._creases[at] + 0.15 * part.pleats * self._pleats[at]
        return np.asarray(0.86 + 0.13 * rim + 0.22 * towards + 0.05 * slope + folds)

    def _darken(self, points: Points, *, width_px: float, by: float) -> None:
        at, mask = self._stroked(points, width_px)
        self._shade[at] *= 1 - by * mask * (self._cover[at] > 0)

    def _filled(self, outline: Points, *, margin_px: int = 4) -> tuple[Window, Field]:
        pixels = self._to_pixels(outline)
        at, draw, image = _sketch(pixels, margin_px)
        draw.polygon(_fine(pixels, at), fill=255)
        return at, _coverage(image)

    def _stroked(
        self, points: Points, width_px: float, *, dashed: bool = False
    ) -> tuple[Window, Field]:
        pixels = self._to_pixels(points)
        at, draw, image = _sketch(pixels, margin_px=4 + math.ceil(width_px))
        width = max(1, round(width_px * _FINER))
        for dash in _dashes(pixels) if dashed else [pixels]:
            draw.line(_fine(dash, at), fill=255, width=width)
        return at, _coverage(image)

    def _to_pixels(self, points: Points) -> Points:
        return np.asarray(points * self._scale_px @ self._turn + self._middle_px)

    def _backdrop(self, rng: np.random.Generator) -> Field:
        """A pale wall, lit from the light's side, with the garment's shadow on it."""
        tint = (238 + rng.uniform(-7, 7, 3) + rng.uniform(-10, 6)).astype(np.float32)
        lit = self._x * self._light[0] + self._y * self._light[1]
        corner = np.maximum(self._x * self._x + self._y * self._y - 0.6, 0)
        dx, dy = np.round(-self._light * 9).astype(int)
        wide = np.roll(_blurred(self._cover, 8), (dy, dx), (0, 1))
        near = np.roll(_blurred(self._cover, 2.5), (dy // 3, dx // 3), (0, 1))
        bright = (1 + 0.05 * lit - 0.05 * corner) * (1 - 0.24 * wide - 0.16 * near)
        return np.asarray(tint[:, None, None] * bright)


def _sketch(pixels: Points, margin_px: int) -> tuple[Window, ImageDraw.ImageDraw, Image.Image]:
    """A fine drawing area that just holds the points, with a margin for what blurs out of them."""
    columns, rows = (_span(along, margin_px) for along in pixels.T)
    size = (columns.stop - columns.start) * _FINER, (rows.stop - rows.start) * _FINER
    image = Image.new("L", size)
    return (rows, columns), ImageDraw.Draw(image), image


def _span(along: Points, margin_px: int) -> slice:
    low = min(max(math.floor(along.min()) - margin_px, 0), SIZE_PX - 1)
    return slice(low, max(low + 1, min(math.ceil(along.max()) + margin_px, SIZE_PX)))


def _fine(pixels: Points, at: Window) -> list[float]:
    fine: list[float] = ((pixels - (at[1].start, at[0].start)) * _FINER).ravel().tolist()
    return fine


def _coverage(image: Image.Image) -> Field:
    return np.asarray(image.reduce(_FINER), dtype=np.float32) / np.float32(255)


def _blurred(mask: Field, radius_px: float) -> Field:
    image = Image.fromarray((mask * 255).astype(np.uint8))
    blurred = image.filter(ImageFilter.GaussianBlur(radius_px))
    return np.asarray(blurred, dtype=np.float32) / np.float32(255)


def _dashes(pixels: Points, *, stitch_px: float = 3.2) -> list[Points]:
    """Cut a line into stitches, every second one left out."""
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(pixels, axis=0).T))])
    starts = np.arange(0, length[-1], 2 * stitch_px)
    ends = np.stack([starts, starts + stitch_px], axis=1)
    cut = [np.interp(ends, length, pixels[:, axis]) for axis in (0, 1)]
    return list(np.stack(cut, axis=-1))


def _enlarged(field: Field) -> Field:
    image = Image.fromarray(field).resize((SIZE_PX, SIZE_PX), Image.Resampling.BICUBIC)
    return np.asarray(image, dtype=np.float32)


def _rotation(angle: float) -> Points:
    """The matrix that turns row vectors by `angle` radians."""
    sine, cosine = math.sin(angle), math.cos(angle)
    return np.array([[cosine, sine], [-sine, cosine]])


def _creases(x: Field, y: Field, rng: np.random.Generator) -> Field:
    """A few short folds across the cloth, bright on one side and dark on the other."""
    light = np.zeros_like(x)
    for _ in range(5):
        middle_x, middle_y = rng.uniform(-0.5, 0.5), rng.uniform(-0.6, 0.7)
        angle, length = rng.uniform(-1.1, 1.1), rng.uniform(0.15, 0.4)
        width = rng.uniform(0.03, 0.07)
        sine, cosine = math.sin(angle), math.cos(angle)
        dx, dy = x - middle_x, y - middle_y
        along = (dx * sine + dy * cosine) / length
        across = (dx * cosine - dy * sine + 0.08 * along * along) / width
        light += across * np.exp(-across * across - along * along)
    return light


def _pleats(x: Field, y: Field, rng: np.random.Generator) -> Field:
    """Long folds that fan out from above, deeper the further down."""
    fan = np.arctan2(x, y + rng.uniform(1.1, 1.5))
    waves = np.sin(fan * rng.uniform(24, 36) + rng.uniform(0, 6) + 0.5 * np.sin(fan * 17))
    return np.asarray(waves * np.clip(0.55 + 0.6 * y, 0.1, 1))
