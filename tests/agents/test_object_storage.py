"""Reading from the real object storage, and from servers that misbehave."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pydantic import SecretStr

from schemas.item import ImageLocation
from stream_app.config import Settings
from stream_app.image_errors import (
    BucketNotAllowedError,
    MissingObjectError,
    RefusedObjectError,
    StorageUnavailableError,
    TooManyBytesError,
)
from stream_app.object_storage import MAX_OBJECT_BYTES, ObjectStorage, connect
from stream_app.pictures import PictureReader
from tests.agents.pictures import plain

HERE = ImageLocation(bucket="media", key="a.jpg")


def reading_from(address: str, buckets: tuple[str, ...] = ("media",)) -> ObjectStorage:
    settings = Settings(
        S3_ENDPOINT=address,
        S3_ACCESS_KEY=SecretStr("key"),
        S3_SECRET_KEY=SecretStr("secret"),
        S3_SECURE=False,
    )
    return ObjectStorage(connect(settings), buckets)


@contextmanager
def server(*chunks: bytes, endless: bytes = b"") -> Iterator[str]:
    """An HTTP server that answers every request with these bytes, then `endless` for ever."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.recv(65536)
                    for chunk in chunks:
                        connection.sendall(chunk)
                    while endless:
                        connection.sendall(endless)
                except OSError:
                    continue

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()


def answer(status: str, body: bytes = b"", kind: str = "application/xml") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def unused_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.kafka
async def test_an_object_comes_with_its_etag(settings, put):
    etag = put("a/b c é.jpg", b"data")
    storage = ObjectStorage(connect(settings), settings.buckets)
    location = ImageLocation(bucket=settings.buckets[0], key="a/b c é.jpg")
    stored = storage.read(location)
    assert (stored.data, stored.etag) == (b"data", etag)


@pytest.mark.kafka
async def test_what_real_storage_has_not_or_refuses(settings, put):
    put("big", b"\0" * (MAX_OBJECT_BYTES + 1))
    bucket = settings.buckets[0]
    storage = ObjectStorage(connect(settings), [bucket, "no-such-bucket"])
    cases = [
        (ImageLocation(bucket=bucket, key="none"), MissingObjectError, "none"),
        (ImageLocation(bucket="no-such-bucket", key="x"), MissingObjectError, "no-such-bucket"),
        (ImageLocation(bucket=bucket, key="../other/x"), RefusedObjectError, "impossible"),
        (ImageLocation(bucket=bucket, key="big"), TooManyBytesError, str(MAX_OBJECT_BYTES)),
    ]
    for location, error, message in cases:
        with pytest.raises(error, match=message):
            storage.read(location)


@pytest.mark.kafka
async def test_wrong_keys_are_refused_for_good(settings, put):
    put("a", b"data")
    wrong = settings.model_copy(update={"s3_secret_key": SecretStr("wrong")})
    storage = ObjectStorage(connect(wrong), settings.buckets)
    with pytest.raises(RefusedObjectError, match="403"):
        storage.read(ImageLocation(bucket=settings.buckets[0], key="a"))


def test_other_buckets_are_not_even_asked_for():
    with pytest.raises(BucketNotAllowedError, match="secrets is not allowed, only media"):
        reading_from(unused_address()).read(ImageLocation(bucket="secrets", key="a"))


def test_storage_that_is_down_is_unavailable():
    with pytest.raises(StorageUnavailableError):
        reading_from(unused_address()).read(HERE)


@pytest.mark.parametrize(
    "response",
    [
        answer("503 Slow Down", b"<Error><Code>SlowDown</Code></Error>"),
        answer("503 Slow Down"),
        answer("500 Error", b"<Error><Code>InternalError</Code></Error>"),
        answer("502 Bad Gateway", b"<html>gateway</html>", "text/html"),
        answer("502 Bad Gateway", b"\xff\xfe", "text/html"),
        answer("502 Bad Gateway", b"not xml"),
        answer("429 Too Many", b"<Error><Code>TooMany</Code></Error>"),
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\ncut off",
        b"",
    ],
)
def test_failing_storage_is_unavailable(response):
    with server(response) as address, pytest.raises(StorageUnavailableError):
        reading_from(address).read(HERE)


def test_a_body_without_end_is_read_up_to_the_limit():
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    with (
        server(head, endless=b"\0" * 65536) as address,
        pytest.raises(TooManyBytesError, match=str(MAX_OBJECT_BYTES)),
    ):
        reading_from(address).read(HERE)


def test_an_announced_length_over_the_limit_is_not_read():
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 52428800\r\n\r\n"
    with server(head) as address, pytest.raises(TooManyBytesError, match="52428800"):
        reading_from(address).read(HERE)


async def test_a_silent_storage_costs_an_event_its_picture_and_no_more():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        reader = PictureReader(reading_from(address), patience_s=0.2)
        image, degraded = await reader.read(HERE)
    assert image is None
    assert degraded == "StorageUnavailable: no picture within 0.2 s"


async def test_after_giving_up_the_next_event_does_not_wait():
    reader = PictureReader(reading_from(unused_address()), patience_s=0.2)
    await reader.read(HERE)
    async with asyncio.timeout(0.1):
        _, degraded = await reader.read(HERE)
    assert degraded == "StorageUnavailable: object storage did not answer a moment ago"


async def test_a_passing_failure_is_waited_out():
    body = plain()
    good = answer("200 OK", body, "image/jpeg")
    with _flaky(answer("503 Slow Down"), good) as address:
        image, degraded = await PictureReader(reading_from(address)).read(HERE)
    assert degraded is None
    assert image is not None


@pytest.mark.parametrize(("remember_s", "second"), [(60.0, None), (0.0, "StorageUnavailable")])
async def test_a_picture_is_fetched_again_unless_it_is_remembered(remember_s, second):
    with _flaky(answer("200 OK", plain(), "image/jpeg")) as address:
        reader = PictureReader(reading_from(address), patience_s=0.5, remember_s=remember_s)
        await reader.read(HERE)
        image, degraded = await reader.read(HERE)
    assert (degraded and degraded.split(":")[0]) == second
    assert (image is None) == (second is not None)


async def test_an_item_without_a_picture_is_not_degraded():
    reader = PictureReader(reading_from(unused_address()))
    assert await reader.read(None) == (None, None)


@contextmanager
def _flaky(*answers: bytes) -> Iterator[str]:
    """A server that gives each answer once, in order."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for given in answers:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(given)

    threading.Thread(target=serve, daemon=True).start()
    with listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
