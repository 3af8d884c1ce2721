"""The patterns of the demo catalogue, as functions of a place on the cloth.

Each takes coordinates in repeats of the pattern and says how much of the second colour shows
there, in `[0, 1]`. Functions, not bitmaps, so a pattern follows the grain of each part.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["PATTERNS", "Field", "Pattern"]

Field = NDArray[np.float32]
Pattern = Callable[[Field, Field], Field]

# Width of the soft edge, in repeats: about one pixel, so that no edge looks like stairs.
_EDGE = 0.07


def _inside(distance: Field) -> Field:
    """1 where `distance` is below zero, 0 above, with a soft edge between."""
    return np.asarray(np.clip(0.5 - distance / _EDGE, 0, 1), dtype=np.float32)


def _wave(x: Field) -> Field:
    """A triangle wave of period 1, in `[0, 1]`."""
    return np.abs((x % 1) * 2 - 1)


def _cells(u: Field, v: Field) -> tuple[Field, Field, Field]:
    """Return radius and angle from the cell's middle, and the turn in the angle; rows stagger."""
    row = np.floor(v)
    x = u + 0.5 * (row % 2)
    turn = (np.floor(x) * 2.3 + row * 1.7) % (2 * np.pi)
    dx, dy = x % 1 - 0.5, v % 1 - 0.5
    return np.hypot(dx, dy), np.arctan2(dy, dx) + turn, np.asarray(turn)


def _plain(u: Field, v: Field) -> Field:
    return np.zeros(np.broadcast(u, v).shape, dtype=np.float32)


def _striped(u: Field, v: Field) -> Field:
    return _inside(np.broadcast_to(_wave(v) - 0.42, np.broadcast(u, v).shape))


def _checked(u: Field, v: Field) -> Field:
    across, down = _inside(_wave(u) - 0.42), _inside(_wave(v) - 0.42)
    return 0.5 * across + 0.5 * down


def _dotted(u: Field, v: Field) -> Field:
    radius, _, _ = _cells(u, v)
    return _inside(radius - 0.27)


def _floral(u: Field, v: Field) -> Field:
    u, v = u * 0.72, v * 0.72
    radius, angle, turn = _cells(u, v)
    size = 0.36 + 0.07 * np.sin(turn * 3)
    petals = _inside(radius - size * (0.55 + 0.45 * np.abs(np.cos(2.5 * angle))))
    return np.asarray(petals * (1 - _inside(radius - 0.11)))


def _zigzag(u: Field, v: Field) -> Field:
    return _inside(_wave(v + 0.55 * _wave(u)) - 0.42)


def _starry(u: Field, v: Field) -> Field:
    radius, angle, turn = _cells(u * 0.8, v * 0.8)
    # A star is ten mirrored slices, each with a straight edge from its tip to its notch.
    slice_angle = np.abs((angle % (0.4 * np.pi)) - 0.2 * np.pi)
    tip = 0.44 + 0.05 * np.sin(turn * 5)
    notch_x, notch_y = 0.32 * tip, 0.24 * tip
    edge_x, edge_y = notch_x - tip, notch_y
    x, y = radius * np.cos(slice_angle), radius * np.sin(slice_angle)
    return _inside(((x - tip) * edge_y - y * edge_x) / np.hypot(edge_x, edge_y))


def _argyle(u: Field, v: Field) -> Field:
    u, v = u * 0.62, v * 0.5
    diamonds = _inside(_wave(u) + _wave(v) - 0.8)
    lines = np.abs(_wave(u + 0.5) + _wave(v) - 1.0)
    return np.asarray(np.maximum(diamonds, 0.8 * np.clip(1 - lines / 0.1, 0, 1)))


PATTERNS: dict[str, Pattern] = {
    "plain": _plain,
    "striped": _striped,
    "checked": _checked,
    "dotted": _dotted,
    "floral": _floral,
    "zigzag": _zigzag,
    "starry": _starry,
    "argyle": _argyle,
}
