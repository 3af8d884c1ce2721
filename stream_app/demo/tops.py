"""Silhouettes of what is worn above: t-shirt, shirt, hoodie and coat."""

import numpy as np

from stream_app.demo.shapes import (
    NUM_BUTTONS,
    Line,
    Part,
    Piece,
    Places,
    Point,
    Points,
    Silhouette,
    band,
    both,
    closed,
    disc,
    mirrored,
    opened,
    sharp,
)

__all__ = ["coat", "hoodie", "shirt", "t_shirt"]


def _sleeves(shoulder: Point, cuff: Point, armpit: Point, width: float) -> list[Part]:
    """Both sleeves, from the shoulder to the middle of the cuff, which is `width` wide."""
    outline, grain = _sleeve(shoulder, cuff, armpit, width)
    right, left = both(outline)
    return [Part(right, grain=-grain), Part(left, grain=grain)]


def _sleeve(shoulder: Point, cuff: Point, armpit: Point, width: float) -> tuple[Points, float]:
    way = np.subtract(cuff, shoulder)
    way /= np.hypot(*way)
    side = np.array([way[1], -way[0]]) * width / 2
    outer, inner = cuff + side, cuff - side
    bulge = (np.add(shoulder, outer) / 2) + side * 0.25
    outline = closed(
        [
            *sharp(*shoulder),
            bulge,
            *sharp(*outer),
            *sharp(*inner),
            *sharp(*armpit),
        ]
    )
    return outline, float(np.arctan2(way[0], way[1]))


def _cuff(shoulder: Point, cuff: Point, width: float) -> Points:
    """The edge of the right sleeve, from left to right."""
    way = np.subtract(cuff, shoulder)
    way /= np.hypot(*way)
    side = np.array([way[1], -way[0]]) * width / 2
    return opened([cuff - side, cuff, cuff + side])


def _inner_line(shoulder: Point, cuff: Point) -> Points:
    """The middle of the right sleeve, where a stripe would run."""
    start = np.add(shoulder, (0.015, 0.09))
    return opened([start, (start + cuff) / 2, cuff])


def _body(neck: Point, shoulder: Point, width: float, hem: float, *, dip: float) -> Points:
    return closed(
        mirrored(
            [
                (0, dip),
                (neck[0] * 0.72, dip * 0.75 + neck[1] * 0.25),
                *sharp(*neck),
                *sharp(*shoulder),
                (width, -0.22),
                (width * 0.97, hem * 0.4),
                *sharp(width * 1.03, hem - 0.03),
                (0, hem),
            ]
        )
    )


def _hem(width: float, hem: float) -> Points:
    return opened([(-width * 1.03, hem - 0.03), (0, hem), (width * 1.03, hem - 0.03)])


def _neckline(neck: Point, dip: float) -> Points:
    x, y = neck
    middle = (x * 0.72, dip * 0.75 + y * 0.25)
    return opened([(-x, y), (-middle[0], middle[1]), (0, dip), middle, (x, y)])


def _flat_collar(neck: Point, dip: float) -> Points:
    """The right half of a round collar that lies on the chest."""
    x, y = neck
    return closed(
        [
            *sharp(x - 0.02, y - 0.02),
            (x + 0.1, y + 0.1),
            (x + 0.02, dip + 0.12),
            (0.07, dip + 0.14),
            *sharp(0.005, dip + 0.005),
            (x * 0.72, dip * 0.75 + y * 0.25),
        ]
    )


def t_shirt(rng: np.random.Generator) -> Silhouette:
    """Short sleeves that stand off, and a ribbed round neck."""
    width, hem = rng.uniform(0.41, 0.48), rng.uniform(0.68, 0.8)
    neck = (rng.uniform(0.16, 0.2), -0.72)
    dip = rng.uniform(-0.62, -0.5)
    shoulder, armpit = (0.47, -0.61), (width - 0.02, -0.2)
    cuff, cuff_width = (rng.uniform(0.72, 0.8), rng.uniform(-0.2, -0.12)), 0.27
    pieces: list[Piece] = [Part(disc((0, neck[1] + 0.01), neck[0], flat=0.32), dye="deep")]
    pieces += _sleeves(shoulder, cuff, armpit, cuff_width)
    pieces.append(Part(_body(neck, shoulder, width, hem, dip=dip)))
    pieces.append(Part(band(_neckline(neck, dip), 0.045, offset=-0.01), dye="main", roundness=0.02))
    edges = (_hem(width, hem), *both(_cuff(shoulder, cuff, cuff_width)))
    return Silhouette(
        tuple(pieces),
        Places(
            hems=edges,
            stripes=both(_inner_line(shoulder, cuff)),
            front=opened([(0, dip + 0.07), (0, -0.12)]),
            collar=_flat_collar(neck, dip),
            pockets=((0.2, -0.18),),
            badge=(0.2, -0.3),
            pocket_size=0.19,
        ),
    )


def shirt(rng: np.random.Generator) -> Silhouette:
    """Long sleeves with cuffs, a turned-down collar and a button placket."""
    width, hem = rng.uniform(0.37, 0.43), rng.uniform(0.72, 0.82)
    neck, dip = (0.15, -0.74), -0.56
    shoulder, armpit = (0.41, -0.63), (width - 0.02, -0.22)
    cuff, cuff_width = (rng.uniform(0.62, 0.74), rng.uniform(0.38, 0.48)), 0.19
    placket = opened([(0, dip + 0.02), (0, hem)])
    right_cuff = _cuff(shoulder, cuff, cuff_width)
    collar = closed(
        [
            *sharp(0.0, dip),
            *sharp(0.1, -0.45 + rng.uniform(-0.02, 0.04)),
            *sharp(0.24, -0.64),
            *sharp(0.13, -0.79),
        ]
    )
    pieces: list[Piece] = [Part(disc((0, neck[1] - 0.01), neck[0], flat=0.4), dye="deep")]
    pieces += _sleeves(shoulder, cuff, armpit, cuff_width)
    pieces += [Part(band(edge, 0.09, offset=-0.045), roundness=0.03) for edge in both(right_cuff)]
    pieces.append(Part(_body(neck, shoulder, width, hem, dip=dip)))
    pieces.append(Part(band(placket, 0.085), roundness=0.025))
    pieces += [
        Part(side, roundness=0.04, grain=g)
        for side, g in zip(both(collar), (0.6, -0.6), strict=True)
    ]
    pieces += [
        Part(disc((0, float(y)), 0.02), dye="cream", roundness=0.01)
        for y in np.linspace(dip + 0.14, hem - 0.14, NUM_BUTTONS)
    ]
    return Silhouette(
        tuple(pieces),
        Places(
            hems=(_hem(width, hem), *both(right_cuff)),
            stripes=both(_inner_line(shoulder, cuff)),
            front=opened([(0, dip + 0.14), (0, hem - 0.14)]),
            waist=opened([(-width * 0.99, 0.22), (0, 0.24), (width * 0.99, 0.22)]),
            collar=collar,
            pockets=((0.21, -0.18),),
            badge=(0.21, -0.3),
            pocket_size=0.18,
        ),
    )


def hoodie(rng: np.random.Generator) -> Silhouette:
    """A wide sweater with a hood, cords and one big front pocket."""
    width, hem = rng.uniform(0.43, 0.49), rng.uniform(0.6, 0.7)
    neck, dip = (0.2, -0.56), -0.38
    shoulder, armpit = (0.45, -0.48), (width - 0.02, -0.08)
    cuff, cuff_width = (rng.uniform(0.66, 0.76), rng.uniform(0.42, 0.52)), 0.22
    top = rng.uniform(-0.9, -0.84)
    right_cuff = _cuff(shoulder, cuff, cuff_width)
    hood = closed(mirrored([(0, top), (0.2, top + 0.06), (0.29, -0.62), (0.25, -0.44), (0, -0.34)]))
    opening = closed(
        mirrored([(0, top + 0.1), (0.13, top + 0.15), (0.18, -0.6), (0.12, -0.46), (0, -0.37)])
    )
    pocket = closed(
        mirrored([(0, 0.16), *sharp(0.17, 0.16), *sharp(0.28, 0.36), *sharp(0.28, 0.5), (0, 0.5)])
    )
    pieces: list[Piece] = [*_sleeves(shoulder, cuff, armpit, cuff_width)]
    pieces += [
        Part(band(edge, 0.1, offset=0.0), dye="main", roundness=0.03) for edge in both(right_cuff)
    ]
    pieces.append(Part(_body(neck, shoulder, width, hem, dip=dip)))
    pieces.append(Part(band(_hem(width, hem), 0.09, offset=-0.03), dye="main", roundness=0.03))
    pieces += [Part(hood), Part(opening, dye="deep", roundness=0.05), Part(pocket)]
    pieces += [
        Line(opened([(0.07, -0.38), (0.085, -0.2), (0.07, -0.06)]) * (side, 1), "trim", 0.022)
        for side in (-1, 1)
    ]
    return Silhouette(
        tuple(pieces),
        Places(
            hems=(_hem(width, hem), *both(right_cuff)),
            stripes=both(_inner_line(shoulder, cuff)),
            front=opened([(0, -0.26), (0, 0.08)]),
            pockets=((0.24, -0.12),),
            badge=(0.24, -0.2),
            pocket_size=0.17,
        ),
    )


def coat(rng: np.random.Generator) -> Silhouette:
    """Long and flared, with lapels, flap pockets and an overlapping front."""
    width, hem = rng.uniform(0.33, 0.38), 0.88
    flare = rng.uniform(1.25, 1.5)
    shoulder, armpit = (0.36, -0.74), (width - 0.02, -0.34)
    cuff, cuff_width = (rng.uniform(0.52, 0.62), rng.uniform(0.16, 0.26)), 0.19
    body = closed(
        mirrored(
            [
                (0, -0.6),
                *sharp(0.15, -0.84),
                *sharp(*shoulder),
                (width, -0.34),
                (width * 0.93, 0.0),
                (width * 1.1, 0.4),
                *sharp(width * flare, hem - 0.03),
                (0, hem),
            ]
        )
    )
    lapel = closed(
        [
            *sharp(0.0, -0.28),
            *sharp(0.2, -0.5),
            *sharp(0.16, -0.56),
            *sharp(0.27, -0.62),
            *sharp(0.15, -0.88),
            *sharp(0.09, -0.8),
        ]
    )
    flap = closed([*sharp(0.12, 0.2), *sharp(0.3, 0.16), *sharp(0.31, 0.24), *sharp(0.13, 0.28)])
    right_cuff = _cuff(shoulder, cuff, cuff_width)
    pieces: list[Piece] = [Part(disc((0, -0.82), 0.15, flat=0.5), dye="deep")]
    pieces += _sleeves(shoulder, cuff, armpit, cuff_width)
    pieces += [Part(band(edge, 0.1, offset=-0.05), roundness=0.03) for edge in both(right_cuff)]
    pieces.append(Part(body, pleats=0.45))
    opening = closed([*sharp(0, -0.6), *sharp(0.09, -0.8), *sharp(-0.09, -0.8), *sharp(0, -0.29)])
    pieces.append(Part(opening, dye="deep"))
    pieces.append(Line(opened([(0.0, -0.28), (0.005, 0.3), (0.01, hem - 0.01)])))
    pieces += [Part(side, roundness=0.04) for side in (*both(flap), *both(lapel))]
    pieces += [
        Part(disc((x, y), 0.026), dye="leather", roundness=0.012)
        for x in (-0.085, 0.085)
        for y in (-0.16, -0.02, 0.12)
    ]
    return Silhouette(
        tuple(pieces),
        Places(
            hems=(
                opened([(-width * flare, hem - 0.03), (0, hem), (width * flare, hem - 0.03)]),
                *both(right_cuff),
            ),
            stripes=both(_inner_line(shoulder, cuff)),
            waist=opened([(-width * 0.93, 0.0), (0, 0.015), (width * 0.93, 0.0)]),
            collar=lapel,
            pockets=((0.24, 0.36),),
            badge=(0.22, -0.3),
            pocket_size=0.2,
        ),
    )
