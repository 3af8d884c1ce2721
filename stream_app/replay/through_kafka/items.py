"""A catalogue's pictures in a bucket of the replay's own, for as long as it takes."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from schemas.item import ImageLocation, Item
from stream_app.catalog import upload_pictures
from stream_app.config import Settings
from stream_app.object_storage import ObjectStorage, connect
from stream_app.pictures import as_seen
from stream_app.show import Progress

__all__ = ["with_stored_pictures"]


@asynccontextmanager
async def with_stored_pictures(
    settings: Settings, items: Mapping[str, Item], pictures: Path, progress: Progress
) -> AsyncIterator[dict[str, Item]]:
    """Store the pictures of items, and give the items with where these lie now.

    A picture that is missing is left out of its item, as `catalog load` does. Without pictures no
    object storage is asked.

    Raises:
        RefusedObjectError: If the credentials don't allow a bucket of the replay's own.
        StorageUnavailableError: If object storage fails.
    """
    shown = {item_id: as_seen(item, settings) for item_id, item in items.items()}
    keys = sorted({one.image.key for one in shown.values() if one.image is not None})
    if not keys:
        yield shown
        return
    bucket = settings.buckets[0]
    storage = ObjectStorage(connect(settings), settings.buckets)
    try:
        # Of a replay that was killed some may be there.
        stored = await asyncio.to_thread(storage.etags, bucket)
        await asyncio.to_thread(upload_pictures, storage, bucket, pictures, keys, stored, progress)
        yield {item_id: _located(item, bucket, stored) for item_id, item in shown.items()}
    finally:
        await asyncio.to_thread(storage.remove_bucket, bucket)


def _located(item: Item, bucket: str, stored: Mapping[str, str]) -> Item:
    if item.image is None:
        return item
    key = item.image.key
    location = ImageLocation(bucket=bucket, key=key) if key in stored else None
    return item.model_copy(update={"image": location})
