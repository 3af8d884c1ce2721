"""TLS to the servers that we use. Certificates and host names are always checked."""

import ssl
from functools import lru_cache
from pathlib import Path

from stream_app.config import SettingsError

__all__ = ["tls_context"]


# A worker has a client for every partition, and reading the system's certificates takes a while.
@lru_cache
def tls_context(
    cafile: Path | None, certfile: Path | None = None, keyfile: Path | None = None
) -> ssl.SSLContext:
    """Return how to connect to servers whose certificates `cafile` vouches for, or the system.

    `certfile` and `keyfile` say who we are, to servers that ask. Files are read once: a process
    has to start again to know of new ones.

    Raises:
        SettingsError: If a file can't be read or is not what it should be.
    """
    try:
        context = ssl.create_default_context(cafile=cafile)
    except OSError as error:  # SSLError is one
        raise SettingsError(f"{cafile} holds no CA certificates in PEM: {error}") from error
    if certfile is not None:
        try:
            context.load_cert_chain(certfile, keyfile, password=_no_passphrase)
        except OSError as error:
            raise SettingsError(
                f"{certfile} and {keyfile} are no certificate in PEM and its key: {error}"
            ) from error
    return context


def _no_passphrase() -> str:
    """Say that there is none: OpenSSL would ask for it at the terminal, and wait."""
    raise SettingsError(
        "the key in KAFKA_SSL_KEYFILE has a passphrase: give one without, readable by us alone"
    )
