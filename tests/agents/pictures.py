"""Pictures made for a test, honest and hostile."""

import io
import struct
import zlib

from PIL import Image

RED = (200, 30, 30)
BLUE = (30, 30, 200)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def plain(kind: str = "JPEG", size: tuple[int, int] = (400, 300)) -> bytes:
    return encoded(Image.new("RGB", size, RED), kind)


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes whose header announces `width` x `height` pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, body) for name, body in chunks)


def _chunk(name: bytes, body: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(name + body))
    return struct.pack(">I", len(body)) + name + body + check
