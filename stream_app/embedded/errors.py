"""What can go wrong before the embedded stack is up.

EmbeddedError
├── MissingToolError   a program is not on this machine; the message says how to get it
├── InstallError       fetching the broker failed
├── StartError         a server died or stayed silent; the message ends with its log
└── StackRunningError  the data folder is in use by a running stack
"""

from pathlib import Path

__all__ = [
    "EmbeddedError",
    "InstallError",
    "MissingToolError",
    "StackRunningError",
    "StartError",
]


class EmbeddedError(RuntimeError):
    """The embedded stack can't be installed or started."""


class MissingToolError(EmbeddedError):
    """A program is missing. The message is one line and names the command that installs it."""


class InstallError(EmbeddedError):
    """Fetching Apache Kafka failed."""


class StartError(EmbeddedError):
    """A child process ended or stayed silent when it had to serve."""


class StackRunningError(EmbeddedError):
    """Another process runs a stack on the same data folder.

    Attributes:
        pid: Process that holds the folder, or None in the instant before it has said so.
        kafka_bootstrap_servers: Address of its broker, or None while it still starts.
        s3_endpoint: Host and port of its object storage, or None while it still starts.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        pid: int | None,
        kafka_bootstrap_servers: str | None,
        s3_endpoint: str | None,
    ) -> None:
        where = (
            f"Kafka at {kafka_bootstrap_servers}, S3 at {s3_endpoint}"
            if kafka_bootstrap_servers
            else "it is still starting"
        )
        super().__init__(
            f"{data_dir} is in use by process {pid} ({where}); "
            "use those addresses, stop that process, or choose another data folder"
        )
        self.pid = pid
        self.kafka_bootstrap_servers = kafka_bootstrap_servers
        self.s3_endpoint = s3_endpoint
