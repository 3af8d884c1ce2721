"""An HTTP transport whose answers end: in bytes, and in time however slowly they come."""

from collections.abc import Iterator
from time import monotonic

import httpx2

from models.errors import EngineError

__all__ = ["BoundedTransport"]


class BoundedTransport(httpx2.HTTPTransport):
    """Reads an answer of at most `max_bytes` within `timeout_s` of its request.

    The library's own timeouts count from one byte to the next: a server that sends one now and
    then would hold its reader for ever.

    Raises:
        EngineError: If an answer is longer, or compressed, which would hide how long it is.
        httpx2.ReadTimeout: If it takes longer; the client tries again, as after its own timeouts.
    """

    def __init__(self, *, max_bytes: int, timeout_s: float) -> None:
        super().__init__()
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request and bound its answer."""
        deadline = monotonic() + self._timeout_s
        response = super().handle_request(request)
        if response.headers.get("content-encoding", "identity") != "identity":
            response.close()
            raise EngineError("the server compresses its answers unasked; turn that off")
        if isinstance(response.stream, httpx2.SyncByteStream):
            response.stream = _BoundedStream(response.stream, self._max_bytes, deadline)
        return response


class _BoundedStream(httpx2.SyncByteStream):
    def __init__(self, stream: httpx2.SyncByteStream, max_bytes: int, deadline: float) -> None:
        self._stream = stream
        self._max_bytes = max_bytes
        self._deadline = deadline

    def __iter__(self) -> Iterator[bytes]:
        num_bytes = 0
        for chunk in self._stream:
            num_bytes += len(chunk)
            if num_bytes > self._max_bytes:
                raise EngineError(f"the server's answer is longer than {self._max_bytes} bytes")
            if monotonic() > self._deadline:
                raise httpx2.ReadTimeout("the answer came too slowly")
            yield chunk

    def close(self) -> None:
        self._stream.close()
