"""Hostile pictures: damaged ones, other formats, bombs, and what only calls itself a picture."""

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

__all__ = ["hostile_pictures"]

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP")
BOMB_SIDE = 50_000
MAX_RANDOM_BYTES = 20_000


def hostile_pictures(num_pictures: int, seed: int) -> Iterator[bytes]:
    """Yield files, nine in ten of them damaged pictures, the others worse."""
    rng = np.random.default_rng(seed)
    sound = [_picture(name, rng) for name in FORMATS]
    for number in range(num_pictures):
        if number % 10:
            yield _damaged(sound[int(rng.integers(len(sound)))], rng)
        else:
            yield (_bomb(), b"", rng.bytes(MAX_RANDOM_BYTES), b"<svg onload=alert(1)>", b"GIF89a")[
                number // 10 % 5
            ]


def _picture(name: str, rng: np.random.Generator) -> bytes:
    buffer = io.BytesIO()
    pixels = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, name)
    return buffer.getvalue()


def _damaged(raw: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(raw)
    for place in rng.integers(len(changed), size=int(rng.integers(1, 30))):
        changed[place] = int(rng.integers(256))
    return bytes(changed[: int(rng.integers(len(changed) // 2, len(changed) + 1))])


def _bomb() -> bytes:
    """A PNG of a few bytes that says it has two and a half thousand megapixels."""
    header = struct.pack(">IIBBBBB", BOMB_SIDE, BOMB_SIDE, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
