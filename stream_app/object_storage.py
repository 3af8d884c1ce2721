"""Small objects in S3: read from the allowed buckets, within a limit of bytes and of time.

The one place that knows the minio client: its errors and urllib3's end here.
"""

import ssl
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from xml.etree.ElementTree import ParseError

import urllib3
from minio import Minio
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError

from schemas.item import ImageLocation
from stream_app.config import Settings
from stream_app.image_errors import (
    BucketNotAllowedError,
    MissingObjectError,
    RefusedObjectError,
    StorageUnavailableError,
    TooManyBytesError,
)
from stream_app.tls import tls_context

__all__ = ["MAX_OBJECT_BYTES", "ObjectStorage", "StoredObject", "connect"]

MAX_OBJECT_BYTES = 10 * 1024 * 1024
CHUNK_BYTES = 64 * 1024
# What reads pictures or writes them here has as many threads at most.
MAX_CONNECTIONS = 8
CONNECT_TIMEOUT_S = 1.0
# Of silence; READ_DEADLINE_S bounds a server that sends a byte now and then.
SILENCE_TIMEOUT_S = 2.0
READ_DEADLINE_S = 4.0
MISSING = {"NoSuchKey", "NoSuchBucket", "NoSuchVersion", "ResourceNotFound"}
TOO_MANY_REQUESTS = 429
SERVER_ERRORS = 500


def connect(settings: Settings) -> Minio:
    """Return a client that answers or fails within seconds: retries are the caller's business.

    Raises:
        SettingsError: If the file of CA certificates can't be used.
    """
    pool = urllib3.PoolManager(
        # More threads than connections would drop and open one for each object.
        maxsize=MAX_CONNECTIONS,
        retries=urllib3.Retry(total=0),
        timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=SILENCE_TIMEOUT_S),
        ssl_context=tls_context(settings.s3_cafile) if settings.s3_secure else None,
    )
    return Minio(
        settings.s3_endpoint,
        access_key=settings.s3_access_key.get_secret_value(),
        secret_key=settings.s3_secret_key.get_secret_value(),
        secure=settings.s3_secure,
        # Named, or the client asks for it before the first read of each bucket.
        region=settings.s3_region,
        http_client=pool,
    )


@dataclass(frozen=True)
class StoredObject:
    """An object's bytes and its version."""

    data: bytes
    etag: str


class ObjectStorage:
    """The allowed buckets of an object storage. Blocks: call it from a thread.

    Of an object no more than `max_bytes` is read, in `deadline_s`.
    """

    def __init__(
        self,
        client: Minio,
        buckets: Collection[str],
        *,
        max_bytes: int = MAX_OBJECT_BYTES,
        deadline_s: float = READ_DEADLINE_S,
    ) -> None:
        self._client = client
        self._buckets = frozenset(buckets)
        self._max_bytes = max_bytes
        self._deadline_s = deadline_s

    def read(self, location: ImageLocation) -> StoredObject:
        """Return the object at `location`.

        Raises:
            BucketNotAllowedError: If the bucket is not one of ours.
            MissingObjectError: If there is no such object.
            TooManyBytesError: If it has more bytes than the limit; no more than that is read.
            RefusedObjectError: If the request is refused for another reason.
            StorageUnavailableError: If object storage fails, or takes longer than the deadline.
        """
        if location.bucket not in self._buckets:
            allowed = ", ".join(sorted(self._buckets))
            raise BucketNotAllowedError(f"bucket {location.bucket} is not allowed, only {allowed}")
        with _errors_translated(location, "read"):
            response = self._client.get_object(location.bucket, location.key)
            try:
                data = self._read_body(response)
                etag = response.headers.get("ETag", "").strip('"')
            finally:
                # Drops what is left unread; a body read to its end has already freed its
                # connection for the next request.
                response.close()
        return StoredObject(data, etag)

    def etags(self, bucket: str) -> dict[str, str]:
        """Return the version of every object by key; the bucket is made if there is none.

        Raises:
            RefusedObjectError: If the credentials don't allow it.
            StorageUnavailableError: If object storage fails.
        """
        with _errors_translated(ImageLocation(bucket=bucket, key="*"), "list"):
            self._make_bucket(bucket)
            found = self._client.list_objects(bucket, recursive=True)
            return {one.object_name or "": (one.etag or "").strip('"') for one in found}

    def has_bucket(self, bucket: str) -> bool:
        """Tell whether there is such a bucket.

        Raises:
            RefusedObjectError: If the credentials don't allow to look.
            StorageUnavailableError: If object storage fails.
        """
        with _errors_translated(ImageLocation(bucket=bucket, key="*"), "list"):
            return bool(self._client.bucket_exists(bucket))

    def make_bucket(self, bucket: str) -> None:
        """Make the bucket if there is none.

        Raises:
            RefusedObjectError: If the credentials don't allow it.
            StorageUnavailableError: If object storage fails.
        """
        with _errors_translated(ImageLocation(bucket=bucket, key="*"), "make"):
            self._make_bucket(bucket)

    def remove_bucket(self, bucket: str) -> None:
        """Remove a bucket and all that is in it, if there is one.

        Raises:
            RefusedObjectError: If the credentials don't allow it.
            StorageUnavailableError: If object storage fails.
        """
        with _errors_translated(ImageLocation(bucket=bucket, key="*"), "remove"):
            if not self._client.bucket_exists(bucket):
                return
            for one in self._client.list_objects(bucket, recursive=True):
                self._client.remove_object(bucket, one.object_name or "")
            self._client.remove_bucket(bucket)

    def write(self, location: ImageLocation, data: bytes, content_type: str) -> None:
        """Store an object.

        Raises:
            RefusedObjectError: If the credentials don't allow it.
            StorageUnavailableError: If object storage fails.
        """
        with _errors_translated(location, "write"):
            self._client.put_object(
                location.bucket, location.key, BytesIO(data), len(data), content_type=content_type
            )

    def _make_bucket(self, bucket: str) -> None:
        if not self._client.bucket_exists(bucket):
            self._client.make_bucket(bucket)

    def _read_body(self, response: urllib3.BaseHTTPResponse) -> bytes:
        limit, end = self._max_bytes, time.monotonic() + self._deadline_s
        announced = response.headers.get("Content-Length", "")
        if announced.isdecimal() and int(announced) > limit:
            raise TooManyBytesError(f"object has {announced} bytes, limit {limit}")
        data = bytearray()
        # As stored: decoding a Content-Encoding would unpack more than the limit allows.
        while chunk := response.read1(CHUNK_BYTES, decode_content=False):
            data += chunk
            if len(data) > limit:
                raise TooManyBytesError(f"object has over {len(data)} bytes, limit {limit}")
            if time.monotonic() > end:
                raise StorageUnavailableError(
                    f"{len(data)} bytes of an object took longer than {self._deadline_s} s"
                )
        return bytes(data)


@contextmanager
def _errors_translated(location: ImageLocation, right: str) -> Iterator[None]:
    """Say what a library's error is about; `right` is what the credentials have to allow."""
    try:
        yield
    except MinioException as error:
        raise _translated(error, location, right) from error
    except urllib3.exceptions.MaxRetryError as error:
        raise StorageUnavailableError(f"object storage: {_reason(error)}") from error
    # The last two: a proxy in between answers an error with a page that is not S3's.
    except (urllib3.exceptions.HTTPError, UnicodeDecodeError, ParseError) as error:
        raise StorageUnavailableError(f"object storage: {type(error).__name__}") from error
    except ValueError as error:
        raise RefusedObjectError(f"impossible bucket or key: {error}") from error


def _reason(error: urllib3.exceptions.MaxRetryError) -> str:
    reason = type(error.reason or error).__name__
    if isinstance(error.reason, urllib3.exceptions.SSLError):
        certificate = isinstance(error.reason.args[0], ssl.SSLCertVerificationError)
        return f"{reason}, " + (
            "its certificate is not trusted: S3_CAFILE names the CA that signed it, S3_ENDPOINT "
            "the host that it was made for"
            if certificate
            else "if it speaks plain HTTP, set S3_SECURE=false"
        )
    return reason


def _translated(error: MinioException, location: ImageLocation, right: str) -> Exception:
    if isinstance(error, S3Error) and error.code in MISSING:
        return MissingObjectError(f"no object {location.key} in bucket {location.bucket}")
    code = error.code if isinstance(error, S3Error) else type(error).__name__
    status = _status(error)
    if status is None or status >= SERVER_ERRORS or status == TOO_MANY_REQUESTS:
        return StorageUnavailableError(f"object storage answers {code}, HTTP status {status}")
    return RefusedObjectError(
        f"object storage refuses with {code}, HTTP status {status}: "
        f"do the credentials have the right to {right} in bucket {location.bucket}?"
    )


def _status(error: MinioException) -> int | None:
    if isinstance(error, S3Error):
        return int(error.response.status)
    if isinstance(error, ServerError):
        return int(error.status_code)
    if isinstance(error, InvalidResponseError):
        return int(error._code)  # The client has no public name for it.
    return None
