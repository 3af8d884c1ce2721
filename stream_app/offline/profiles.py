"""Items -> profiles as the worker makes them, each paid for once."""

from collections.abc import Sequence
from pathlib import Path

from models.engine import Engine
from models.errors import EngineError
from models.profile import profile_items, source_hash, unread_profile
from schemas.codec import Poison, decode, encode
from schemas.item import Item
from schemas.item_image import ItemImage
from schemas.item_profile import ItemProfile
from stream_app.offline.cache import Cache, digest
from stream_app.offline.pictures import picture_file, with_picture
from stream_app.show import Progress
from stream_app.tables import TableError

__all__ = ["missing_pictures", "read_profiles"]

NUM_AT_ONCE = 32


def missing_pictures(items: Sequence[Item], pictures: Path) -> list[str]:
    """Return the keys of the pictures that are named and not there.

    Raises:
        TableError: If that is all of them: then the folder is the wrong one.
    """
    named = [item for item in items if item.image is not None]
    missing = [
        item.image.key for item in named if item.image and picture_file(item, pictures) is None
    ]
    if named and len(missing) == len(named):
        raise TableError(
            f"none of {len(named)} pictures is in {pictures}, such as {missing[0]}: name their "
            f"folder with --pictures, or take the column image out of the catalogue"
        )
    return missing


def read_profiles(
    engine: Engine, items: Sequence[Item], pictures: Path, cache: Cache, *, progress: Progress
) -> dict[str, ItemProfile]:
    """Return the profile of each item by id; the engine reads only what the cache doesn't know.

    An item that the engine fails at has the shop's words alone, as live.
    """
    profiles: dict[str, ItemProfile] = {}
    for start in range(0, len(items), NUM_AT_ONCE):
        batch = items[start : start + NUM_AT_ONCE]
        profiles |= _read(engine, [with_picture(item, pictures) for item in batch], cache)
        progress("profiles", len(profiles), len(items))
    return profiles


def _read(engine: Engine, sources: Sequence[ItemImage], cache: Cache) -> dict[str, ItemProfile]:
    known = {source.item.item_id: _known(engine, source, cache) for source in sources}
    to_read = [source for source in sources if known[source.item.item_id] is None]
    for source, read in zip(to_read, profile_items(engine, to_read), strict=True):
        if isinstance(read, EngineError):
            known[source.item.item_id] = unread_profile(engine, source, read)
        else:
            known[source.item.item_id] = read
            cache.put(_key(engine, source), encode(read).decode())
    return {item_id: profile for item_id, profile in known.items() if profile is not None}


def _known(engine: Engine, source: ItemImage, cache: Cache) -> ItemProfile | None:
    text = cache.get(_key(engine, source))
    profile = None if text is None else decode(ItemProfile, text.encode())
    return None if isinstance(profile, Poison) else profile


def _key(engine: Engine, source: ItemImage) -> str:
    return digest(
        source.item.item_id,
        source_hash(source.item, source.image),
        engine.versions.model_dump(),
    )
