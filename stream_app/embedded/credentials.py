"""The keys of the embedded object storage: drawn once per data folder, readable by its owner only.

They live in the file that SeaweedFS itself reads, so they appear in no command line and no log.
"""

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["S3Access", "load_or_create_access"]

OWNER_ONLY = 0o600


@dataclass(frozen=True)
class S3Access:
    """How to reach an S3 server.

    Attributes:
        endpoint: Host and port, without a scheme.
        access_key: The public half.
        secret_key: The secret half; it stays out of `repr`.
        secure: Whether it speaks TLS.
    """

    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    secure: bool = False


def load_or_create_access(path: Path, *, endpoint: str) -> S3Access:
    """Return the access in the SeaweedFS identities file `path`, which is written if missing."""
    if not path.exists():
        _create(path)
    keys = json.loads(path.read_text())["identities"][0]["credentials"][0]
    return S3Access(endpoint, keys["accessKey"], keys["secretKey"])


def _create(path: Path) -> None:
    keys = {"accessKey": secrets.token_hex(10), "secretKey": secrets.token_urlsafe(30)}
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    identity = {"name": "stream-app", "credentials": [keys], "actions": actions}
    # Renamed when whole: half a file of an interrupted start would be read by every later one.
    unfinished = path.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"identities": [identity]}, file)
    unfinished.rename(path)
