"""Object storage behind TLS: a CA of our own is trusted by name, any other is not."""

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import trustme
from pydantic import SecretStr

from schemas.item import ImageLocation
from stream_app.config import Settings, SettingsError
from stream_app.image_errors import StorageUnavailableError
from stream_app.object_storage import ObjectStorage, connect

PICTURE = ImageLocation(bucket="media", key="1.jpg")


class Answering(BaseHTTPRequestHandler):
    """Gives every object the same bytes."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "9")
        self.end_headers()
        self.wfile.write(b"a picture")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(params=["https", "http"])
def scheme(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def port(scheme: str, tmp_path: Path) -> Iterator[int]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        if scheme == "https":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert("127.0.0.1").configure_cert(context)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        yield server.server_port
        server.shutdown()


def reading(address: str, cafile: Path | None) -> bytes:
    settings = Settings(
        S3_ENDPOINT=address,
        S3_ACCESS_KEY=SecretStr("key"),
        S3_SECRET_KEY=SecretStr("hush"),
        S3_CAFILE=cafile,
    )
    return ObjectStorage(connect(settings), ["media"]).read(PICTURE).data


@pytest.mark.parametrize("scheme", ["https"], indirect=True)
def test_a_ca_of_our_own_is_trusted(port: int, tmp_path: Path) -> None:
    assert reading(f"127.0.0.1:{port}", tmp_path / "ca.pem") == b"a picture"


@pytest.mark.parametrize("scheme", ["https"], indirect=True)
def test_who_is_not_trusted_is_told_of_the_setting(port: int, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    cases = [
        (f"127.0.0.1:{port}", None),
        (f"127.0.0.1:{port}", tmp_path / "other.pem"),
        (f"localhost:{port}", tmp_path / "ca.pem"),
    ]
    for address, cafile in cases:
        with pytest.raises(StorageUnavailableError, match="S3_CAFILE names"):
            reading(address, cafile)


@pytest.mark.parametrize("scheme", ["http"], indirect=True)
def test_plain_http_is_named(port: int) -> None:
    with pytest.raises(StorageUnavailableError, match="S3_SECURE=false"):
        reading(f"127.0.0.1:{port}", None)


def test_a_file_without_certificates_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(SettingsError, match=r"ca\.pem holds no CA certificates"):
        reading("127.0.0.1:1", tmp_path / "ca.pem")
