"""Whether object storage answers to our keys, and has our buckets."""

import asyncio
from collections.abc import Sequence

from stream_app.config import Settings
from stream_app.doctor.finding import Finding, ok, warning, wrong
from stream_app.image_errors import RefusedObjectError, StorageUnavailableError
from stream_app.object_storage import ObjectStorage, connect

__all__ = ["Looked", "judge_bucket", "look_at_buckets"]

# Whether the bucket is there, or why that can't be told.
Looked = bool | RefusedObjectError | StorageUnavailableError


async def look_at_buckets(settings: Settings, buckets: Sequence[str]) -> dict[str, Looked]:
    """Ask for each bucket with the credentials of the settings."""
    storage = ObjectStorage(connect(settings), buckets)
    # One after the other, on the client's one connection.
    return {bucket: await asyncio.to_thread(_look, storage, bucket) for bucket in buckets}


def _look(storage: ObjectStorage, bucket: str) -> Looked:
    try:
        return storage.has_bucket(bucket)
    except (RefusedObjectError, StorageUnavailableError) as error:
        return error


def judge_bucket(bucket: str, looked: Looked, *, is_for_adapters: bool) -> Finding:
    """Judge one bucket; that of adapters may be missing until the first release."""
    check = f"bucket {bucket}"
    if isinstance(looked, StorageUnavailableError):
        return wrong(check, f"{looked}; check S3_ENDPOINT, and S3_SECURE=false for plain HTTP")
    if isinstance(looked, RefusedObjectError):
        return wrong(check, f"{looked}; check S3_ACCESS_KEY and S3_SECRET_KEY, and their rights")
    if looked:
        return ok(check, "there")
    if is_for_adapters:
        return warning(
            check,
            "not there, so no adapter can be loaded; the first `stream-app adapters release` makes "
            "it, unless STREAM_APP_ADAPTER_BUCKET is misspelt",
        )
    return wrong(
        check,
        "not there, so there are no pictures; check STREAM_APP_BUCKETS, or make it with "
        "`stream-app catalog load`",
    )
