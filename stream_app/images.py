"""Untrusted pictures into small, safe JPEGs.

`normalise` trusts nothing about the bytes; `PictureReader` fetches them, and never makes an event
wait for ever: after a few seconds the picture is given up, and the record says so (`degraded`).
"""

import asyncio
import io
import warnings
from concurrent.futures import ThreadPoolExecutor

from PIL import Image, ImageOps, UnidentifiedImageError

from schemas.image import NormalisedImage
from schemas.item import ImageLocation
from stream_app.image_errors import (
    ImageError,
    StorageUnavailableError,
    TooManyPixelsError,
    UndecodableImageError,
    UnsupportedFormatError,
)
from stream_app.object_storage import ObjectStorage, StoredObject

__all__ = ["FORMATS", "MAX_PIXELS", "MAX_SIDE", "PictureReader", "normalise"]

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
# A 40-megapixel picture needs 160 MB while it is decoded; phones stay below.
MAX_PIXELS = 40_000_000
MAX_SIDE = 256
JPEG_QUALITY = 88
WHITE = (255, 255, 255)
SIXTEEN_TO_EIGHT_BITS = 1 / 256

# Fetching, all its retries and decoding together. Behind it the next event of the partition waits.
PATIENCE_S = 5.0
FIRST_RETRY_S = 0.1
# After giving up, others are not kept waiting for the same outage.
PAUSE_S = 5.0
NUM_THREADS = 2

# Pillow's own limit is higher than ours; where it looks first, it must refuse, not warn.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


def normalise(picture: StoredObject) -> NormalisedImage:
    """Return the picture as an upright RGB JPEG, longest side at most 256 px, without metadata.

    Of an animation the first frame is taken; transparency becomes white. Blocks for up to a
    second: call it from a thread.

    Raises:
        UnsupportedFormatError: If the bytes are none of `FORMATS`.
        TooManyPixelsError: If the header announces more than 40 megapixels; nothing is decoded.
        UndecodableImageError: If the bytes are cut off or broken.
    """
    try:
        with Image.open(io.BytesIO(picture.data), formats=FORMATS) as image:
            _check_size(image)
            small = _shrink(image)
        jpeg = io.BytesIO()
        small.save(jpeg, "JPEG", quality=JPEG_QUALITY)
        width, height = small.size
        return NormalisedImage(jpeg=jpeg.getvalue(), width=width, height=height, etag=picture.etag)
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        readable = ", ".join(FORMATS)
        raise UnsupportedFormatError(
            f"{len(picture.data)} bytes are not a picture; formats that are read: {readable}"
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooManyPixelsError(f"limit {MAX_PIXELS} pixels: {error}") from error
    # Broken bytes make Pillow's readers raise whatever they meet: OSError, SyntaxError,
    # ValueError, struct.error, EOFError and more.
    except Exception as error:
        raise UndecodableImageError(f"broken picture: {type(error).__name__}") from error


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise TooManyPixelsError(f"picture has {width} x {height} pixels, limit {MAX_PIXELS}")


def _shrink(image: Image.Image) -> Image.Image:
    # A JPEG decodes at a fraction of its size for a fraction of the work; twice the target keeps
    # the quality of the last step. Other formats ignore it.
    image.draft("RGB", (2 * MAX_SIDE, 2 * MAX_SIDE))
    colours = _with_colours(image)
    colours.thumbnail((MAX_SIDE, MAX_SIDE))
    return _on_white(ImageOps.exif_transpose(colours))


def _with_colours(image: Image.Image) -> Image.Image:
    """Return a mode that can be resized: palettes and bits can't be averaged."""
    if image.mode.startswith("I"):
        # Pillow clips 16 bits to 255 instead of scaling them, which would leave white.
        grey = image.convert("I").point(lambda value: value * SIXTEEN_TO_EIGHT_BITS)
        return grey.convert("L")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image.convert("RGB")
    background = Image.new("RGB", image.size, WHITE)
    background.paste(image, mask=image.getchannel("A"))
    return background


class PictureReader:
    """Fetches pictures and normalises them in a few threads, off the event loop."""

    def __init__(self, storage: ObjectStorage, *, patience_s: float = PATIENCE_S) -> None:
        self._storage = storage
        self._patience_s = patience_s
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
        try:
            return await self._read_patiently(location), None
        except (ImageError, StorageUnavailableError) as error:
            return None, f"{type(error).__name__.removesuffix('Error')}: {error}"

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
