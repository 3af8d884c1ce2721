"""Untrusted pictures into small, safe JPEGs: nothing about the bytes is trusted."""

import io
import warnings

from PIL import Image, ImageOps, UnidentifiedImageError

from schemas.image import NormalisedImage
from stream_app.image_errors import (
    ImageError,
    TooManyPixelsError,
    UndecodableImageError,
    UnsupportedFormatError,
)
from stream_app.object_storage import StoredObject

__all__ = ["FORMATS", "MAX_PIXELS", "MAX_SIDE", "normalise"]

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
# A picture of 40 megapixels takes up to 400 MB while it is decoded.
MAX_PIXELS = 40_000_000
MAX_SIDE = 256
JPEG_QUALITY = 88
WHITE = (255, 255, 255)
SIXTEEN_TO_EIGHT_BITS = 1 / 256

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
    mode = "RGBA" if image.has_transparency_data else "RGB"
    # `convert` copies even where nothing changes: at the limit of pixels, 160 MB.
    return image if image.mode == mode else image.convert(mode)


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image.convert("RGB")
    background = Image.new("RGB", image.size, WHITE)
    background.paste(image, mask=image.getchannel("A"))
    return background
