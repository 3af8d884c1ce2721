"""Items -> profiles: the model reads each item once, and only again when it changed."""

from collections.abc import Sequence
from functools import partial
from hashlib import sha256
from typing import TypeGuard

import numpy as np
import orjson

from models.attempts import attempt
from models.catalogue import embedding_to_bytes
from models.engine import Embeddable, Engine, ItemContent
from models.errors import EngineError
from schemas.image import NormalisedImage
from schemas.item import Item
from schemas.item_image import ItemImage
from schemas.item_profile import ItemProfile
from schemas.versions import Versions

__all__ = [
    "UNREAD",
    "is_current",
    "profile_items",
    "source_hash",
    "unread_profile",
    "with_shop_fields",
]

MAX_SUMMARY_CHARS = 2000
UNREAD = Versions(model="unread", prompt="none")


def source_hash(item: Item, image: NormalisedImage | None) -> str:
    """Return a hash of all that a reading rests on: the item's text and the picture's etag."""
    fields = [
        item.title,
        item.description,
        item.categories,
        sorted(item.attributes.items()),
        image.etag if image else None,
    ]
    return sha256(orjson.dumps(fields)).hexdigest()[:32]


def is_current(
    profile: ItemProfile | None, source: ItemImage, versions: Versions
) -> TypeGuard[ItemProfile]:
    """Tell whether the model would read the same thing again."""
    return (
        profile is not None
        and profile.versions == versions
        and profile.source_hash == source_hash(source.item, source.image)
    )


def with_shop_fields(profile: ItemProfile, item: Item) -> ItemProfile:
    """Return the profile with what the shop may change without the item looking different."""
    shop_fields = {
        "title": item.title,
        "categories": item.categories,
        "price": item.price,
        "available": item.available,
        "added_at": item.added_at,
    }
    return profile.model_copy(update=shop_fields)


def profile_items(engine: Engine, sources: Sequence[ItemImage]) -> list[ItemProfile | EngineError]:
    """Read and embed items, in one batch; an item that can't be read has its error instead."""
    return attempt(partial(_profiled, engine), sources)


def _profiled(engine: Engine, sources: Sequence[ItemImage]) -> list[ItemProfile]:
    contents = [_content(source) for source in sources]
    readings = engine.profile(contents)
    embeddings = engine.embed(
        [
            Embeddable(
                ". ".join([content.title, *content.categories, reading.summary]), content.jpeg
            )
            for content, reading in zip(contents, readings, strict=True)
        ]
    )
    if not np.isfinite(embeddings).all():
        raise EngineError(f"an embedding of {len(sources)} items has values that are no numbers")
    return [
        ItemProfile(
            item_id=source.item.item_id,
            title=source.item.title,
            summary=reading.summary[:MAX_SUMMARY_CHARS],
            attributes=reading.attributes,
            categories=source.item.categories,
            embedding=embedding_to_bytes(embedding),
            source_hash=source_hash(source.item, source.image),
            versions=engine.versions,
            degraded=source.degraded or reading.degraded,
            price=source.item.price,
            available=source.item.available,
            added_at=source.item.added_at,
        )
        for source, reading, embedding in zip(sources, readings, embeddings, strict=True)
    ]


def unread_profile(engine: Engine, source: ItemImage, error: EngineError) -> ItemProfile:
    """Return what stands in for a profile when the engine failed: the shop's words alone.

    Its version is no engine's, so that it is never stored as if it had been read.
    """
    item = source.item
    return ItemProfile(
        item_id=item.item_id,
        title=item.title,
        summary=item.title,
        attributes=item.attributes,
        categories=item.categories,
        embedding=bytes(2 * engine.embedding_dim),
        source_hash="",
        versions=UNREAD,
        degraded=f"item not read: {error.public}",
    )


def _content(source: ItemImage) -> ItemContent:
    return ItemContent(
        title=source.item.title,
        description=source.item.description,
        categories=source.item.categories,
        attributes=source.item.attributes,
        jpeg=source.image.jpeg if source.image else None,
    )
