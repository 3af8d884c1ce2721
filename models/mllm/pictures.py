"""JPEG bytes -> a picture, or why there is none."""

from io import BytesIO

from PIL import Image

from models.errors import InputError

__all__ = ["MAX_PIXELS", "open_picture"]

# The pictures are normalised upstream; this bound keeps a bomb from the decoder all the same.
MAX_PIXELS = 4096 * 4096


def open_picture(jpeg: bytes) -> Image.Image:
    """Return the picture in RGB.

    Raises:
        InputError: If the bytes are no JPEG, are cut off, or hold more than `MAX_PIXELS` pixels.
    """
    try:
        with Image.open(BytesIO(jpeg), formats=("JPEG",)) as opened:
            width, height = opened.size
            if width * height > MAX_PIXELS:
                raise InputError(f"picture has {width}x{height} pixels, limit {MAX_PIXELS}")
            return opened.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        # The library's message names an address in memory; ours is the same each time.
        raise InputError(f"picture of {len(jpeg)} bytes is no whole JPEG") from error
