"""Silhouettes of what falls from the waist: dress, skirt, trousers and shorts."""

import numpy as np

from stream_app.demo.shapes import (
    Line,
    Part,
    Piece,
    Places,
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

__all__ = ["dress", "shorts", "skirt", "trousers"]


def _across(half: float, y: float, sag: float = 0.03) -> Points:
    """A line from left to right that sags in the middle, as a waist or a hem does."""
    return opened(
        [
            (-half, y),
            (-half / 2, y + sag * 0.75),
            (0, y + sag),
            (half / 2, y + sag * 0.75),
            (half, y),
        ]
    )


def dress(rng: np.random.Generator) -> Silhouette:
    """A fitted bodice on straps, a waist, and a wide skirt."""
    waist, flare = rng.uniform(0.2, 0.24), rng.uniform(0.5, 0.68)
    waist_y, hem = rng.uniform(-0.2, -0.12), rng.uniform(0.74, 0.86)
    strap = rng.uniform(0.15, 0.19)
    dip = rng.uniform(-0.62, -0.52)
    bodice = closed(
        mirrored(
            [
                (0, dip),
                (strap - 0.05, dip - 0.06),
                *sharp(strap - 0.035, -0.86),
                *sharp(strap + 0.05, -0.86),
                (strap + 0.07, -0.6),
                *sharp(0.3, -0.47),
                (0.26, -0.3),
                *sharp(waist, waist_y),
                (0, waist_y + 0.04),
            ]
        )
    )
    skirt_part = closed(
        mirrored(
            [
                (0, waist_y + 0.01),
                *sharp(waist, waist_y - 0.015),
                (waist + (flare - waist) * 0.45, waist_y + 0.35),
                (flare * 0.92, hem - 0.28),
                *sharp(flare, hem - 0.06),
                (flare * 0.5, hem - 0.005),
                (0, hem + 0.02),
            ]
        )
    )
    neckline = opened(
        [
            (-strap + 0.035, -0.86),
            (-strap + 0.05, dip - 0.06),
            (0, dip),
            (strap - 0.05, dip - 0.06),
            (strap - 0.035, -0.86),
        ]
    )
    waist_line = _across(waist, waist_y)
    hem_line = opened(
        [
            (-flare, hem - 0.06),
            (-flare * 0.5, hem - 0.005),
            (0, hem + 0.02),
            (flare * 0.5, hem - 0.005),
            (flare, hem - 0.06),
        ]
    )
    pieces: tuple[Piece, ...] = (
        Part(
            closed(
                [(0, -0.66), *sharp(strap + 0.02, -0.86), (0, -0.74), *sharp(-strap - 0.02, -0.86)]
            ),
            dye="deep",
        ),
        Part(skirt_part, pleats=1.0),
        Part(bodice),
        Line(neckline, "deep", 0.014),
        Part(band(waist_line, 0.06), dye="main", roundness=0.02),
    )
    return Silhouette(
        pieces,
        Places(
            hems=(hem_line,),
            stripes=both(
                opened(
                    [
                        (waist * 0.8, waist_y + 0.03),
                        (waist * 0.8 + (flare - waist) * 0.42, waist_y + 0.35),
                        (flare * 0.8, hem - 0.28),
                        (flare * 0.86, hem - 0.03),
                    ]
                )
            ),
            front=opened([(0, dip + 0.08), (0, waist_y - 0.07)]),
            waist=waist_line,
            collar=closed(
                [
                    *sharp(0.0, dip),
                    (strap - 0.05, dip - 0.06),
                    *sharp(strap + 0.02, -0.78),
                    (strap + 0.09, -0.64),
                    (0.13, dip + 0.09),
                    (0.05, dip + 0.1),
                ]
            ),
            pockets=((0.22, 0.26), (-0.22, 0.26)),
            badge=(0.13, -0.4),
            pocket_size=0.18,
        ),
    )


def skirt(rng: np.random.Generator) -> Silhouette:
    """A waistband and cloth that swings out below it."""
    waist, flare = rng.uniform(0.27, 0.33), rng.uniform(0.56, 0.78)
    top, hem = rng.uniform(-0.56, -0.48), rng.uniform(0.42, 0.66)
    body = closed(
        mirrored(
            [
                (0, top + 0.05),
                *sharp(waist, top + 0.03),
                (waist + (flare - waist) * 0.5, top + 0.42),
                *sharp(flare, hem - 0.08),
                (flare * 0.55, hem + 0.0),
                (0, hem + 0.03),
            ]
        )
    )
    hem_line = opened(
        [
            (-flare, hem - 0.08),
            (-flare * 0.55, hem),
            (0, hem + 0.03),
            (flare * 0.55, hem),
            (flare, hem - 0.08),
        ]
    )
    waist_line = _across(waist, top)
    pieces: tuple[Piece, ...] = (
        Part(disc((0, top - 0.02), waist, flat=0.16), dye="deep", roundness=0.03),
        Part(body, pleats=1.0),
        Part(band(waist_line, 0.12), dye="main", roundness=0.035),
    )
    return Silhouette(
        pieces,
        Places(
            hems=(hem_line,),
            stripes=both(
                opened(
                    [
                        (waist * 0.84, top + 0.07),
                        (waist * 0.84 + (flare - waist) * 0.46, top + 0.42),
                        (flare * 0.86, hem - 0.05),
                    ]
                )
            ),
            front=opened([(0, top + 0.14), (0, hem - 0.1)]),
            waist=waist_line,
            pockets=((waist * 0.75, top + 0.34), (-waist * 0.75, top + 0.34)),
            badge=(flare * 0.5, hem - 0.2),
            pocket_size=0.22,
        ),
    )


def _legs(
    rng: np.random.Generator,
    *,
    top: float,
    crotch: float,
    foot: float,
    hip: float,
    opening: float,
    spread: float,
) -> Silhouette:
    """Two legs on a waistband; `spread` is how far the feet's middles stand from the middle."""
    waist = hip * rng.uniform(0.84, 0.92)
    outer, inner = spread + opening / 2, spread - opening / 2
    knee = (crotch + foot) / 2
    leg = closed(
        [
            *sharp(0, top),
            *sharp(waist, top),
            (hip, top + 0.25),
            ((hip + outer) / 2, knee),
            *sharp(outer, foot),
            *sharp(inner, foot + 0.01),
            (inner * 0.55, knee),
            *sharp(0, crotch),
        ]
    )
    cuff = opened([(inner, foot + 0.01), (spread, foot + 0.012), (outer, foot)])
    pocket = opened(
        [(waist * 0.62, top + 0.05), (waist * 0.78, top + 0.19), (hip * 0.97, top + 0.23)]
    )
    waist_line = _across(waist, top + 0.01, 0.02)
    pieces: list[Piece] = [
        Part(disc((0, top - 0.02), waist, flat=0.11), dye="deep", roundness=0.03)
    ]
    pieces += [Part(side, pleats=0.35) for side in both(leg)]
    pieces += [Line(side) for side in both(pocket)]
    pieces.append(Line(opened([(0, top + 0.06), (0.0, crotch)]), "deep", 0.01))
    pieces.append(
        Line(
            opened([(0.06, top + 0.06), (0.06, crotch - 0.16), (0.0, crotch - 0.07)]), "deep", 0.008
        )
    )
    pieces.append(Part(band(waist_line, 0.09), dye="main", roundness=0.025))
    pieces.append(Part(disc((0, top + 0.03), 0.024), dye="wood", roundness=0.01))
    return Silhouette(
        tuple(pieces),
        Places(
            hems=both(cuff),
            stripes=both(
                opened(
                    [
                        (hip * 0.84, top + 0.3),
                        ((hip + outer) / 2 - 0.06, knee),
                        (outer - 0.05, foot),
                    ]
                )
            ),
            waist=waist_line,
            pockets=(
                (hip * 0.66, (crotch + knee) / 2 + 0.04),
                (-hip * 0.66, (crotch + knee) / 2 + 0.04),
            ),
            badge=(hip * 0.62, crotch * 0.5 + knee * 0.5),
            pocket_size=0.17,
        ),
    )


def trousers(rng: np.random.Generator) -> Silhouette:
    """Legs down to the ankle, from slim to wide."""
    return _legs(
        rng,
        top=rng.uniform(-0.88, -0.82),
        crotch=rng.uniform(-0.3, -0.22),
        foot=rng.uniform(0.82, 0.9),
        hip=rng.uniform(0.34, 0.4),
        opening=rng.uniform(0.2, 0.34),
        spread=rng.uniform(0.24, 0.34),
    )


def shorts(rng: np.random.Generator) -> Silhouette:
    """Wide legs that end above the knee."""
    return _legs(
        rng,
        top=rng.uniform(-0.52, -0.46),
        crotch=rng.uniform(0.06, 0.14),
        foot=rng.uniform(0.4, 0.52),
        hip=rng.uniform(0.44, 0.5),
        opening=rng.uniform(0.4, 0.48),
        spread=rng.uniform(0.3, 0.34),
    )
