"""A small catalogue read by the weightless engine."""

from models.catalogue import Catalogue
from models.profile import profile_items
from models.weightless import WeightlessEngine
from records import item, item_image

ENGINE = WeightlessEngine()


def profiles(num_items: int = 40):
    return profile_items(ENGINE, [item_image(item(number)) for number in range(num_items)])


def catalogue(num_items: int = 40) -> Catalogue:
    filled = Catalogue(ENGINE.embedding_dim)
    for profile in profiles(num_items):
        filled.put(profile)
    return filled
