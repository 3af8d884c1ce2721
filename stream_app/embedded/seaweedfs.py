"""A real SeaweedFS as S3: master, volume server, filer and gateway in one process."""

import os
import shutil
import sysconfig
from pathlib import Path

import urllib3
from minio import Minio
from minio.error import MinioException

from stream_app.embedded.credentials import S3Access, load_or_create_access
from stream_app.embedded.errors import MissingToolError
from stream_app.embedded.ports import GRPC_OFFSET, HOST
from stream_app.embedded.process import ChildProcess
from stream_app.embedded.server import EmbeddedServer

__all__ = ["EmbeddedSeaweedFS"]

ANSWER_DEADLINE_S = 2.0
# It ends in about 2 s, or waits 10 s for its own admin server. Killing it costs nothing: every
# object that it had confirmed was there after each kill (800 objects, 4 kills).
STOP_DEADLINE_S = 5.0
MAX_PORT = 65_535 - GRPC_OFFSET
# It listens there besides its TCP ports, whatever TMPDIR says, and often leaves the files behind.
SOCKET_FOLDER = Path("/tmp")  # noqa: S108 - the server's choice, only cleaned up here


class EmbeddedSeaweedFS(EmbeddedServer):
    """An object storage with its data in `data_dir/seaweedfs`, its keys in `data_dir/s3.json`.

    Args:
        data_dir: The stack's data folder.
        port: Port of the S3 gateway, at most 55535; None takes a free one.

    Raises:
        ValueError: If `port` leaves no room for the gRPC port 10000 above it.
    """

    def __init__(self, data_dir: Path, port: int | None = None) -> None:
        if port is not None and port > MAX_PORT:
            raise ValueError(f"S3 port {port} is above {MAX_PORT}: SeaweedFS adds {GRPC_OFFSET}")
        data_dir = data_dir.resolve()
        super().__init__("seaweedfs", data_dir / "logs" / "seaweedfs.log", port=port, num_ports=5)
        self._dir = data_dir / "seaweedfs"
        self._identities = data_dir / "s3.json"

    @property
    def access(self) -> S3Access:
        """Address and keys for clients."""
        return load_or_create_access(self._identities, endpoint=self.address)

    def stop(self, deadline_s: float = STOP_DEADLINE_S) -> None:
        """Ask it to end, kill it if it has not after `deadline_s` seconds, and tidy up after it."""
        super().stop(deadline_s)
        for port in self.ports:
            for path in SOCKET_FOLDER.glob(f"seaweedfs-*-grpc-{port + GRPC_OFFSET}.sock"):
                path.unlink(missing_ok=True)

    def _prepare(self) -> ChildProcess:
        self._dir.mkdir(parents=True, exist_ok=True)
        load_or_create_access(self._identities, endpoint=self.address)
        self._forget_old_ports()
        return ChildProcess(
            self.name,
            [_find_weed(), "-logtostderr=true", "mini", *self._options()],
            self._log_path,
            env=_environment(),
            cwd=self._dir,
        )

    def _options(self) -> list[str]:
        s3, master, volume, filer, admin = self.ports
        return [
            "-dir=.",
            f"-ip={HOST}",
            f"-ip.bind={HOST}",
            f"-master.port={master}",
            "-master.resumeState=false",
            # It would report to its makers.
            "-master.telemetry=false",
            f"-volume.port={volume}",
            f"-filer.port={filer}",
            # Relative to the working directory: the default is the shared temporary folder.
            "-filer.localSocket=filer.sock",
            f"-s3.port={s3}",
            "-s3.localSocket=s3.sock",
            f"-s3.config={self._identities}",
            "-s3.iam=false",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-webdav=false",
            # Without its user interface the admin server opens its ports all the same.
            f"-admin.port={admin}",
            "-admin.ui=false",
        ]

    def _forget_old_ports(self) -> None:
        """Remove what the last start noted under its ports; the objects don't depend on it."""
        for master_state in self._dir.glob("m[0-9]*"):
            shutil.rmtree(master_state)
        (self._dir / "mini.options").unlink(missing_ok=True)

    def _answers(self) -> bool:
        """Make a signed request: another server on this port would refuse our keys."""
        access = self.access
        pool = urllib3.PoolManager(retries=False, timeout=ANSWER_DEADLINE_S)
        client = Minio(
            access.endpoint,
            access_key=access.access_key,
            secret_key=access.secret_key,
            secure=False,
            http_client=pool,
        )
        try:
            client.list_buckets()
        except (MinioException, urllib3.exceptions.HTTPError):
            return False
        finally:
            pool.clear()
        return True


def _find_weed() -> str:
    """Return SeaweedFS's program: beside this Python, as pip puts it, or on PATH."""
    weed = shutil.which("weed", path=sysconfig.get_path("scripts")) or shutil.which("weed")
    if weed is None:
        raise MissingToolError("SeaweedFS's `weed` not found: `pip install 'stream-app[embedded]'`")
    return weed


def _environment() -> dict[str, str]:
    """Return what the server needs of ours: not AWS_*, S3_* or WEED_*, which it would obey."""
    return {name: os.environ[name] for name in ("HOME", "PATH", "TMPDIR") if name in os.environ}
