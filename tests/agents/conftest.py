import io
from collections.abc import Callable

import pytest
from minio import Minio

from stream_app.config import Settings
from stream_app.object_storage import connect


@pytest.fixture
def storage(settings: Settings) -> Minio:
    """Object storage, with the deployment's bucket."""
    client = connect(settings)
    client.make_bucket(settings.buckets[0])
    return client


@pytest.fixture
def put(storage: Minio, settings: Settings) -> Callable[[str, bytes], str]:
    """Stores an object in the deployment's bucket and returns its etag."""

    def store(key: str, data: bytes) -> str:
        stored = storage.put_object(settings.buckets[0], key, io.BytesIO(data), len(data))
        return stored.etag

    return store
