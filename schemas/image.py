"""A picture made small and safe, as the stages behind the ingest edge see it."""

from typing import Annotated

from pydantic import Field

from schemas.record import Record

__all__ = ["MAX_IMAGE_BYTES", "NormalisedImage"]

# 256 px JPEGs are 10-30 KB; the limit holds a record with its base64 under Kafka's 1 MiB default.
MAX_IMAGE_BYTES = 256 * 1024


class NormalisedImage(Record):
    """An RGB JPEG, decoded and encoded anew by us, longest side at most 256 px.

    `etag` is the object's, so that a changed picture is recognised without fetching it.
    """

    jpeg: Annotated[bytes, Field(min_length=1, max_length=MAX_IMAGE_BYTES)]
    width: int = Field(gt=0, le=4096)
    height: int = Field(gt=0, le=4096)
    etag: str
