"""The drawn catalogue: balanced, repeatable, and silent about looks in its words."""

import io
import re
from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from stream_app.demo.colours import COLOURS
from stream_app.demo.garments import KINDS, Garment, caption, draw, draw_catalogue
from stream_app.demo.patterns import PATTERNS
from stream_app.demo.styles import STYLES

TELLING_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
        red crimson scarlet ruby cherry burgundy maroon wine orange tangerine apricot
        amber rust coral yellow golden gold mustard lemon saffron sand green
        olive emerald mint sage moss khaki lime teal turquoise aqua cyan
        blue azure sky denim indigo cobalt navy midnight ocean purple violet
        lilac lavender plum mauve pink rose blush salmon fuchsia magenta brown
        chestnut chocolate coffee tan camel hazel leather wood black ebony coal
        jet ink white ivory cream snow chalk pearl grey gray silver
        slate ash charcoal smoke colour color coloured colored hue tint shade
        dark pale bright vivid pastel monochrome tone toned dyed plain solid
        uni striped stripe stripes pinstripe lined checked check checks checkered plaid
        tartan gingham dotted dot dots spotted spot spots polka floral flower
        flowers flowery blossom bloom botanical zigzag chevron herringbone wave wavy starry
        star stars argyle diamond diamonds rhombus print printed pattern patterned motif
        casual sporty elegant vintage
        """,
    )
)

kinds, colours = st.sampled_from(sorted(KINDS)), st.sampled_from(sorted(COLOURS))
patterns, styles = st.sampled_from(sorted(PATTERNS)), st.sampled_from(sorted(STYLES))


def garment(
    item_id: str = "garment-00000",
    kind: str = "t-shirt",
    colour: str = "red",
    pattern: str = "plain",
    style: str = "casual",
) -> Garment:
    return Garment(item_id, kind, colour, pattern, style, title="", description="", price=1.0)


def pixels(picture: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture)), dtype=float)


def test_a_catalogue_is_the_same_for_the_same_seed_only():
    assert list(draw_catalogue(100, seed=3)) == list(draw_catalogue(100, seed=3))
    assert list(draw_catalogue(100, seed=3)) != list(draw_catalogue(100, seed=4))


def test_a_longer_catalogue_begins_with_the_shorter():
    assert list(draw_catalogue(700))[:300] == list(draw_catalogue(300))


@pytest.mark.parametrize("attribute", ["kind", "colour", "pattern", "style"])
def test_every_value_of_an_attribute_is_as_frequent_as_the_others(attribute: str):
    counts = Counter(getattr(item, attribute) for item in draw_catalogue(521))
    assert max(counts.values()) - min(counts.values()) <= 1


def test_item_ids_stay_unique_in_large_catalogues():
    assert len({item.item_id for item in draw_catalogue(20_000)}) == 20_000


def test_words_name_the_kind_and_never_the_look():
    for item in draw_catalogue(5_000):
        words = set(re.findall(r"[a-z]+", f"{item.title} {item.description}".lower()))
        assert not words & TELLING_WORDS
        assert item.kind in item.title


@pytest.mark.parametrize("attribute", ["colour", "pattern", "style"])
def test_words_and_price_are_independent_of_looks(attribute: str):
    catalogue = list(draw_catalogue(10_000))
    told = [told_by(item) for item in catalogue]
    for sign in set().union(*told):
        joint = Counter(
            (sign in signs, getattr(item, attribute))
            for signs, item in zip(told, catalogue, strict=True)
        )
        assert chi_squared_in_deviations(joint) < 5, sign


def told_by(item: Garment) -> set[str]:
    words = re.findall(r"\w+", f"{item.title} {item.description}".lower())
    return {*words, f"price around {round(item.price, -1)}"}


def chi_squared_in_deviations(joint: Counter) -> float:
    """How far the counts are from independence, in standard deviations of chi squared."""
    rows, columns = ({pair[side] for pair in joint} for side in (0, 1))
    table = np.array([[joint[row, column] for column in columns] for row in rows], dtype=float)
    expected = table.sum(1, keepdims=True) * table.sum(0, keepdims=True) / table.sum()
    freedom = max(1, (len(rows) - 1) * (len(columns) - 1))
    return float((((table - expected) ** 2 / expected).sum() - freedom) / np.sqrt(2 * freedom))


def test_coats_cost_more_than_t_shirts():
    prices = {kind: [] for kind in KINDS}
    for item in draw_catalogue(1_000):
        prices[item.kind].append(item.price)
    assert np.mean(prices["coat"]) > 3 * np.mean(prices["t-shirt"])
    assert min(map(min, prices.values())) > 0


@pytest.mark.parametrize(("kind", "style"), list(product(KINDS, STYLES)))
def test_every_kind_in_every_style_is_a_256_px_jpeg(kind: str, style: str):
    picture = Image.open(io.BytesIO(draw(garment(kind=kind, style=style))))
    assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (256, 256))


@settings(max_examples=15, deadline=None)
@given(kind=kinds, colour=colours, pattern=patterns, style=styles)
def test_a_picture_follows_from_id_and_looks_alone(kind, colour, pattern, style):
    item = garment("garment-00042", kind, colour, pattern, style)
    reworded = replace(item, title="Wren", description="Machine wash cold.", price=9.95)
    assert draw(item) == draw(reworded)


def test_garments_that_look_alike_in_words_differ_in_the_picture():
    assert draw(garment("garment-00001")) != draw(garment("garment-00002"))


@settings(max_examples=25, deadline=None)
@given(kind=kinds, colour=colours, style=styles, number=st.integers(0, 10_000))
def test_the_garment_fits_into_the_picture(kind, colour, style, number):
    picture = pixels(draw(garment(f"garment-{number:05d}", kind, colour, "plain", style)))
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    # The backdrop is smooth, so whatever is cut off would stand out from its neighbours.
    assert np.abs(border - np.median(border, axis=0)).max() < 60


@pytest.mark.parametrize("colour", COLOURS)
def test_a_plain_garment_has_the_colour_it_is_named_by(colour: str):
    middle = pixels(draw(garment(kind="skirt", colour=colour)))[110:190, 100:156].reshape(-1, 3)
    distances = {
        name: np.linalg.norm(np.median(middle, axis=0) - rgb) for name, rgb in COLOURS.items()
    }
    assert min(distances, key=distances.__getitem__) == colour


@pytest.mark.parametrize("pattern", [name for name in PATTERNS if name != "plain"])
def test_a_pattern_shows_much_but_leaves_the_colour_the_most(pattern: str):
    grid = np.linspace(-4, 4, 400, dtype=np.float32)
    share = PATTERNS[pattern](grid[None, :], grid[:, None]).mean()
    assert 0.12 < share < 0.51


@pytest.mark.parametrize(
    ("one", "other"), [(a, b) for a, b in product(PATTERNS, PATTERNS) if a < b]
)
def test_patterns_are_told_apart_on_the_cloth(one: str, other: str):
    grid = np.linspace(-4, 4, 200, dtype=np.float32)
    shown, other_shown = (PATTERNS[name](grid[None, :], grid[:, None]) for name in (one, other))
    assert np.abs(shown - other_shown).mean() > 0.1


def test_captions_say_what_is_shown():
    sporty = garment(colour="red", pattern="striped", style="sporty")
    assert caption(sporty) == "A sporty red striped t-shirt."
    hat = garment(kind="hat", colour="orange", pattern="dotted", style="elegant")
    assert caption(hat) == "An elegant orange dotted hat."
    shoes = garment(kind="shoes", colour="teal", pattern="argyle", style="vintage")
    assert caption(shoes) == "A pair of vintage teal argyle shoes."
