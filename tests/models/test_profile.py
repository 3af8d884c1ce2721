import numpy as np
import pytest

from models.catalogue import embedding_from_bytes
from models.errors import EngineError
from models.profile import is_current, profile_items, source_hash, unread_profile, with_shop_fields
from models.weightless import WeightlessEngine
from records import item, item_image
from schemas.image import NormalisedImage
from schemas.versions import Versions
from world import ENGINE

IMAGE = NormalisedImage(jpeg=b"x", width=1, height=1, etag="1")


def test_a_profile_carries_the_shops_fields_and_a_unit_vector() -> None:
    (profile,) = profile_items(ENGINE, [item_image(item(1, price=9.0, available=False))])
    assert (profile.price, profile.available) == (9.0, False)
    assert np.linalg.norm(embedding_from_bytes(profile.embedding)) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("change", "is_same"),
    [
        ({"price": 5.0}, True),
        ({"available": False}, True),
        ({"title": "Other"}, False),
        ({"description": "Other"}, False),
        ({"attributes": {"colour": "pink"}}, False),
    ],
)
def test_an_item_is_read_again_only_if_it_looks_different(change: dict, is_same: bool) -> None:
    before = item_image(item(1))
    (profile,) = profile_items(ENGINE, [before])
    after = item_image(item(1, **change))
    assert is_current(profile, after, ENGINE.versions) is is_same


def test_another_picture_or_model_makes_a_profile_old() -> None:
    before = item_image(item(1))
    (profile,) = profile_items(ENGINE, [before])
    pictured = before.model_copy(update={"image": IMAGE})
    assert not is_current(profile, pictured, ENGINE.versions)
    assert not is_current(profile, before, Versions(model="other", prompt="none"))
    assert not is_current(None, before, ENGINE.versions)
    assert source_hash(before.item, IMAGE) != source_hash(
        before.item, IMAGE.model_copy(update={"etag": "2"})
    )


def test_an_embedding_that_is_no_number_is_an_error_of_its_row() -> None:
    class Overflowing(WeightlessEngine):
        def embed(self, inputs):
            rows = super().embed(inputs)
            rows[[one.text.startswith("Item 2") for one in inputs]] = np.inf
            return rows

    read = profile_items(Overflowing(), [item_image(item(number)) for number in (1, 2, 3)])
    assert [isinstance(one, EngineError) for one in read] == [False, True, False]


def test_shop_fields_change_without_the_model() -> None:
    (profile,) = profile_items(ENGINE, [item_image(item(1))])
    assert with_shop_fields(profile, item(1, price=3.0)).price == 3.0


def test_an_unread_item_has_its_own_words_and_is_never_current() -> None:
    source = item_image(item(1))
    profile = unread_profile(ENGINE, source, EngineError("model is down"))
    assert profile.title == "Item 1"
    assert profile.degraded == "item not read: the model failed"
    assert not is_current(profile, source, ENGINE.versions)
