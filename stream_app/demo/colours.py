"""The colours of the demo catalogue, and what each is dyed, trimmed and patterned with."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["COLOURS", "RGB", "Dyes", "mix_dyes"]

RGB = tuple[int, int, int]

CREAM: RGB = (248, 240, 222)
CHARCOAL: RGB = (58, 60, 68)
INK: RGB = (36, 46, 88)
MAROON: RGB = (122, 32, 44)

COLOURS: dict[str, RGB] = {
    "red": (204, 44, 46),
    "orange": (238, 126, 36),
    "yellow": (246, 206, 58),
    "green": (58, 142, 70),
    "teal": (22, 140, 142),
    "blue": (58, 122, 214),
    "navy": (32, 44, 94),
    "purple": (120, 66, 164),
    "pink": (242, 148, 180),
    "brown": (124, 80, 50),
    "black": (42, 42, 47),
    "white": (247, 246, 242),
    "grey": (152, 156, 162),
}

# What a pattern is drawn with. Neutrals and near relations only: the garment's own colour
# stays the one that a person would name.
_SECOND_COLOURS: dict[str, tuple[RGB, ...]] = {
    "red": (CREAM, MAROON, INK),
    "orange": (CREAM, (146, 64, 20), CHARCOAL),
    "yellow": (CREAM, CHARCOAL, (190, 118, 18)),
    "green": (CREAM, (24, 72, 42), (176, 214, 150)),
    "teal": (CREAM, (10, 66, 76), (164, 222, 214)),
    "blue": (CREAM, INK, (176, 210, 248)),
    "navy": (CREAM, (150, 176, 224), (206, 212, 228)),
    "purple": (CREAM, (62, 28, 96), (212, 186, 236)),
    "pink": (CREAM, (176, 50, 104), (255, 222, 232)),
    "brown": (CREAM, (66, 40, 26), (214, 180, 140)),
    "black": (CREAM, (150, 152, 158), (206, 206, 210)),
    "white": (CHARCOAL, (140, 144, 152), INK),
    "grey": (CREAM, CHARCOAL, (218, 222, 226)),
}


@dataclass(frozen=True)
class Dyes:
    """The colours of one garment by their use, each RGB in `[0, 255]`, shape `(3,)`.

    `second` draws the pattern, `deep` is the inside of a neckline, `trim` stands off from `main`.
    """

    main: NDArray[np.float32]
    second: NDArray[np.float32]
    deep: NDArray[np.float32]
    trim: NDArray[np.float32]
    cream: NDArray[np.float32]
    gold: NDArray[np.float32]
    wood: NDArray[np.float32]
    leather: NDArray[np.float32]


def mix_dyes(colour: str, rng: np.random.Generator) -> Dyes:
    """Return the dyes for a garment of this colour; no two dye lots are quite the same."""
    main = _dye(COLOURS[colour]) * rng.uniform(0.95, 1.04, 3).astype(np.float32)
    second = _dye(_SECOND_COLOURS[colour][rng.integers(3)])
    is_light = main.mean() > 165
    return Dyes(
        main=main,
        second=second,
        deep=main * 0.55,
        trim=_dye(CHARCOAL if is_light else CREAM),
        cream=_dye((238, 222, 188) if is_light else CREAM),
        gold=_dye((222, 176, 74)),
        wood=_dye((150, 98, 54)),
        leather=_dye((104, 66, 42) if main.mean() > 90 else (176, 122, 78)),
    )


def _dye(rgb: RGB) -> NDArray[np.float32]:
    return np.array(rgb, dtype=np.float32)
