"""What a simulated shopper likes: a weight for every look, readable by a person."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stream_app.demo.colours import COLOURS
from stream_app.demo.garments import KINDS, Garment
from stream_app.demo.patterns import PATTERNS
from stream_app.demo.styles import STYLES

__all__ = ["FAVOURITE", "Taste", "blended", "draw_taste", "listed"]

# Looks count for more than what the words tell: seeing must help, or there is nothing to show.
_SHARES = {"colours": 0.4, "patterns": 0.3, "kinds": 0.2, "styles": 0.1}

# Who likes one of them tends to like another.
_COLOUR_FAMILIES = (
    ("red", "orange", "yellow", "brown"),
    ("pink", "purple", "red", "white"),
    ("blue", "navy", "teal", "white"),
    ("green", "teal", "yellow", "brown"),
    ("black", "grey", "white", "navy"),
)
# What is liked at least so much stands out.
FAVOURITE = 0.6


@dataclass(frozen=True)
class Taste:
    """How much each colour, pattern, kind and style is liked, every weight in `[0, 1]`."""

    colours: Mapping[str, float]
    patterns: Mapping[str, float]
    kinds: Mapping[str, float]
    styles: Mapping[str, float]

    @property
    def weights(self) -> dict[str, float]:
        """All weights by name; no name is of two kinds."""
        return {**self.colours, **self.patterns, **self.kinds, **self.styles}

    def utility(self, garment: Garment) -> float:
        """Return how much the garment is liked, in `[0, 1]`."""
        return (
            _SHARES["colours"] * self.colours[garment.colour]
            + _SHARES["patterns"] * self.patterns[garment.pattern]
            + _SHARES["kinds"] * self.kinds[garment.kind]
            + _SHARES["styles"] * self.styles[garment.style]
        )

    def describe(self) -> str:
        """Say in a line what stands out: "blue and navy, striped; likes shirts; sporty"."""
        looks = ", ".join(filter(None, (_noted(self.colours), _noted(self.patterns))))
        likes = f"likes {_noted({_plural(kind): weight for kind, weight in self.kinds.items()})}"
        return "; ".join((looks or "no colour in mind", likes, _noted(self.styles) or "any style"))


def draw_taste(rng: np.random.Generator) -> Taste:
    """Draw a taste: two related colours, one or two patterns, three kinds, one style."""
    family = _COLOUR_FAMILIES[rng.integers(len(_COLOUR_FAMILIES))]
    return Taste(
        colours=_weights(COLOURS, rng.choice(family, 2, replace=False), rng),
        patterns=_weights(PATTERNS, _some(PATTERNS, int(rng.integers(1, 3)), rng), rng),
        kinds=_weights(KINDS, _some(KINDS, 3, rng), rng),
        styles=_weights(STYLES, _some(STYLES, 1, rng), rng),
    )


def blended(old: Taste, new: Taste, share: float) -> Taste:
    """Return the taste on its way from old to new, `share` in `[0, 1]` of the way."""
    return Taste(
        colours=_between(old.colours, new.colours, share),
        patterns=_between(old.patterns, new.patterns, share),
        kinds=_between(old.kinds, new.kinds, share),
        styles=_between(old.styles, new.styles, share),
    )


def _some(names: Iterable[str], num: int, rng: np.random.Generator) -> Iterable[str]:
    return rng.choice(list(names), num, replace=False)


def _weights(
    names: Iterable[str], favourites: Iterable[str], rng: np.random.Generator
) -> dict[str, float]:
    """Favourites near 1, the rest near 0, none quite like another."""
    weights = {name: float(rng.uniform(0.0, 0.25)) for name in names}
    return weights | {str(name): float(rng.uniform(0.85, 1.0)) for name in favourites}


def _between(old: Mapping[str, float], new: Mapping[str, float], share: float) -> dict[str, float]:
    return {name: (1 - share) * weight + share * new[name] for name, weight in old.items()}


def _noted(weights: Mapping[str, float]) -> str:
    ranked = sorted(weights, key=lambda name: -weights[name])
    return listed([name for name in ranked if weights[name] >= FAVOURITE])


def listed(names: Sequence[str]) -> str:
    """Join names as people do: "a, b and c"."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def _plural(kind: str) -> str:
    if kind == "dress":
        return "dresses"
    return kind if kind.endswith("s") else f"{kind}s"
