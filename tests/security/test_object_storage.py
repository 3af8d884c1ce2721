"""SeaweedFS with identities that may do what docs/security.md says and no more."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from schemas.item import ImageLocation
from stream_app.adapters.storage import adapter_storage, store
from stream_app.config import Settings
from stream_app.embedded.seaweedfs import EmbeddedSeaweedFS
from stream_app.image_errors import RefusedObjectError
from stream_app.object_storage import ObjectStorage, connect

pytestmark = pytest.mark.kafka

ADMIN = ["Admin", "Read", "Write", "List", "Tagging"]
IDENTITIES = {
    "stream-app": ADMIN,
    "agents": ["Read:media"],
    "worker": ["Read:adapters"],
    "loader": ["Read:media", "List:media", "Write:media"],
}
PICTURE = ImageLocation(bucket="media", key="1.jpg")


def secret_of(name: str) -> str:
    return f"a-planted-secret-of-{name}"


def write_identities(data_dir: Path) -> None:
    """Write the file that the server reads; the first one is its owner's."""
    identities = [
        {
            "name": name,
            "credentials": [{"accessKey": name, "secretKey": secret_of(name)}],
            "actions": actions,
        }
        for name, actions in IDENTITIES.items()
    ]
    (data_dir / "s3.json").write_text(json.dumps({"identities": identities}))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    data_dir = tmp_path_factory.mktemp("s3")
    write_identities(data_dir)
    with EmbeddedSeaweedFS(data_dir) as server:
        owner = connect(settings_of("stream-app", server.address))
        owner.make_bucket("media")
        owner.make_bucket("adapters")
        objects("stream-app", server.address).write(PICTURE, b"a picture", "image/jpeg")
        yield server.address


def settings_of(identity: str, address: str) -> Settings:
    return Settings(
        S3_ENDPOINT=address,
        S3_ACCESS_KEY=SecretStr(identity),
        S3_SECRET_KEY=SecretStr(secret_of(identity)),
        S3_SECURE=False,
    )


def objects(identity: str, address: str) -> ObjectStorage:
    return ObjectStorage(connect(settings_of(identity, address)), ["media", "adapters"])


def test_reading_is_all_that_agents_need(address: str) -> None:
    assert objects("agents", address).read(PICTURE).data == b"a picture"
    for forbidden in (
        lambda: objects("agents", address).write(PICTURE, b"another", "image/jpeg"),
        lambda: objects("agents", address).etags("media"),
        lambda: objects("worker", address).read(PICTURE),
    ):
        with pytest.raises(RefusedObjectError, match="in bucket media"):
            forbidden()
    assert objects("agents", address).read(PICTURE).data == b"a picture"


def test_the_worker_reads_adapters_and_writes_none(address: str) -> None:
    owner, worker = settings_of("stream-app", address), settings_of("worker", address)
    location, _ = store(adapter_storage(owner), "adapters", "style", b"weights")
    assert adapter_storage(worker).read(location).data == b"weights"
    with pytest.raises(RefusedObjectError, match=r"(make|write|list) in bucket adapters"):
        store(adapter_storage(worker), "adapters", "style", b"other weights")


def test_loading_needs_no_right_to_other_buckets(address: str) -> None:
    loader = objects("loader", address)
    assert loader.etags("media").keys() == {"1.jpg"}
    loader.write(ImageLocation(bucket="media", key="2.jpg"), b"a new one", "image/jpeg")
    with pytest.raises(RefusedObjectError, match="bucket adapters"):
        loader.etags("adapters")
