"""Adapters as objects: one a file, under a key that changes with its content."""

from hashlib import sha256

from models.errors import AdapterError
from schemas.adapter_release import AdapterRelease
from schemas.item import ImageLocation as ObjectLocation
from stream_app.config import Settings
from stream_app.image_errors import ImageError
from stream_app.object_storage import ObjectStorage, connect

__all__ = ["MAX_ADAPTER_BYTES", "adapter_storage", "fetch", "store"]

# Rank 64 on all layers of a model of 8 billion weights, in 16 bits, is 340 MB.
MAX_ADAPTER_BYTES = 512 * 1024 * 1024
# The largest at 5 MB/s.
READ_DEADLINE_S = 110.0
CONTENT_TYPE = "application/octet-stream"


def adapter_storage(settings: Settings) -> ObjectStorage:
    """Return the bucket of adapters: those who may write pictures need no right to it."""
    return ObjectStorage(
        connect(settings),
        [settings.adapter_bucket],
        max_bytes=MAX_ADAPTER_BYTES,
        deadline_s=READ_DEADLINE_S,
    )


def store(
    storage: ObjectStorage, bucket: str, name: str, data: bytes
) -> tuple[ObjectLocation, str]:
    """Write an adapter's file and return where it lies and its sha256; blocks.

    Raises:
        AdapterError: If it is larger than what a worker would read.
        RefusedObjectError: If the credentials don't allow it.
        StorageUnavailableError: If object storage fails.
    """
    if len(data) > MAX_ADAPTER_BYTES:
        raise AdapterError(
            f"adapter of {len(data)} bytes, limit {MAX_ADAPTER_BYTES}; use a smaller rank"
        )
    digest = sha256(data).hexdigest()
    location = ObjectLocation(bucket=bucket, key=f"adapters/{name}/{digest}.safetensors")
    storage.make_bucket(bucket)
    storage.write(location, data, CONTENT_TYPE)
    return location, digest


def fetch(storage: ObjectStorage, release: AdapterRelease) -> bytes:
    """Return the file that a release speaks of, exactly that one; blocks.

    Raises:
        AdapterError: If it isn't there, too large, in another bucket, or not the one released.
        StorageUnavailableError: If object storage fails; it may pass later.
    """
    try:
        data = storage.read(release.location).data
    except ImageError as error:
        raise AdapterError(f"the adapter can't be read: {error}; release it again") from error
    found = sha256(data).hexdigest()
    if found != release.sha256:
        raise AdapterError(
            f"object {release.location.key} has sha256 {found}, released was {release.sha256}; "
            f"release it again"
        )
    return data
