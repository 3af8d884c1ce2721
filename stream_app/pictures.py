"""Pictures for events: fetched, made safe, and given up when they would hold the stream up.

After a few seconds an event goes on without its picture, and the record says so (`degraded`).
"""

import asyncio
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

from schemas.image import NormalisedImage
from schemas.item import ImageLocation, Item
from stream_app.config import Settings
from stream_app.image_errors import ImageError, StorageUnavailableError
from stream_app.images import normalise
from stream_app.object_storage import ObjectStorage

__all__ = ["PictureReader", "as_seen"]

# Fetching, all its retries and decoding together. Behind it the next event of the agent waits.
PATIENCE_S = 5.0
FIRST_RETRY_S = 0.1
# After giving up, others are not kept waiting for the same outage.
PAUSE_S = 5.0
NUM_THREADS = 2
# 64 MB at the most: a normalised picture has 256 KiB or less, mostly 20.
MAX_REMEMBERED = 256


def as_seen(item: Item, settings: Settings) -> Item:
    """Return the item as this deployment looks at it: without its picture where none counts."""
    return item if settings.pictures else item.model_copy(update={"image": None})


class PictureReader:
    """Fetches pictures and normalises them in a few threads, off the event loop.

    For `remember_s` seconds a picture is not fetched again: by default it always is.
    """

    def __init__(
        self,
        storage: ObjectStorage,
        *,
        patience_s: float = PATIENCE_S,
        remember_s: float = 0.0,
    ) -> None:
        self._storage = storage
        self._patience_s = patience_s
        self._recent = _RecentPictures(remember_s)
        self._threads = ThreadPoolExecutor(NUM_THREADS, thread_name_prefix="pictures")
        self._resume_at = 0.0

    async def read(
        self, location: ImageLocation | None
    ) -> tuple[NormalisedImage | None, str | None]:
        """Return the picture, or None and why it is missing; for no location neither.

        An unavailable object storage is asked again until `patience_s` is over. Then this and
        the pictures of the next seconds are given up.
        """
        if location is None:
            return None, None
        if known := self._recent.find(location):
            return known, None
        try:
            image = await self._read_patiently(location)
        except (ImageError, StorageUnavailableError) as error:
            return None, f"{type(error).__name__.removesuffix('Error')}: {error}"
        self._recent.keep(location, image)
        return image, None

    async def _read_patiently(self, location: ImageLocation) -> NormalisedImage:
        clock = asyncio.get_running_loop().time
        if clock() < self._resume_at:
            raise StorageUnavailableError("object storage did not answer a moment ago")
        last = StorageUnavailableError(f"no picture within {self._patience_s} s")
        retry_s = FIRST_RETRY_S
        try:
            async with asyncio.timeout(self._patience_s):
                while True:
                    try:
                        return await self._read_once(location)
                    except StorageUnavailableError as error:
                        last = error
                    await asyncio.sleep(retry_s)
                    retry_s *= 2
        except TimeoutError:
            self._resume_at = clock() + PAUSE_S
            raise last from None

    async def _read_once(self, location: ImageLocation) -> NormalisedImage:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._fetch, location)

    def _fetch(self, location: ImageLocation) -> NormalisedImage:
        return normalise(self._storage.read(location))

    def close(self) -> None:
        """Let go of the threads; reads in hand end by their own deadlines."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class _RecentPictures:
    """The last pictures, each for a while: a new item is asked for often before it is profiled."""

    def __init__(self, remember_s: float) -> None:
        self._remember_s = remember_s
        self._pictures: OrderedDict[ImageLocation, tuple[float, NormalisedImage]] = OrderedDict()

    def find(self, location: ImageLocation) -> NormalisedImage | None:
        expires_at, image = self._pictures.get(location, (0.0, None))
        return image if time.monotonic() < expires_at else None

    def keep(self, location: ImageLocation, image: NormalisedImage) -> None:
        if not self._remember_s:
            return
        self._pictures[location] = (time.monotonic() + self._remember_s, image)
        self._pictures.move_to_end(location)
        if len(self._pictures) > MAX_REMEMBERED:
            self._pictures.popitem(last=False)
