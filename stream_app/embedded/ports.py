"""Free loopback ports.

SeaweedFS opens for each of its ports a second one, 10000 above. Both come from below 32768, where
Linux takes the ports of outgoing connections from: none of those can grab a port between the look
and the start.
"""

import secrets
import socket

__all__ = ["GRPC_OFFSET", "HOST", "free_ports"]

HOST = "127.0.0.1"
GRPC_OFFSET = 10_000
FIRST_PORT = 12_000
LAST_PORT = 32_767 - GRPC_OFFSET


def free_ports(count: int) -> list[int]:
    """Return `count` different ports that are free now, each with the port 10000 above it."""
    ports: set[int] = set()
    while len(ports) < count:
        port = FIRST_PORT + secrets.randbelow(LAST_PORT - FIRST_PORT + 1)
        if _is_free(port) and _is_free(port + GRPC_OFFSET):
            ports.add(port)
    return list(ports)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the servers do: a connection that is still closing doesn't occupy the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
