"""A model server over HTTP: checked answers, translated errors, and no call that never ends.

The client's own retries bridge a hiccup. When they don't help, nothing is sent for a while, so
that the rows behind the failed one get their answer without the model at once instead of waiting
for the same silence one after the other.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any, TypeVar

import httpx2
import openai
from openai import APIConnectionError, APIStatusError, APITimeoutError, OpenAI, OpenAIError
from pydantic import BaseModel, ValidationError

from models.errors import (
    CapacityError,
    EngineError,
    InputError,
    ModelLoadError,
    UnavailableError,
)
from models.item_text import shorten
from models.remote.bounded import BoundedTransport

__all__ = ["Server"]

Answer = TypeVar("Answer", bound=BaseModel)
Input = TypeVar("Input")
Output = TypeVar("Output")

RETRIES = 1
# More than the client waits before a retry, unless the server asks for a longer pause.
BACKOFF_S = 1.0
MAX_CONNECT_S = 3.0
REST_S = 30.0

# 32 embeddings of 4,096 numbers are 3 MB.
MAX_ANSWER_BYTES = 8 * 2**20
MAX_DETAIL_CHARS = 200

# From here on the server, not the request, is at fault.
SERVER_ERRORS = 500
REFUSED = {400, 413, 422}


class Server:
    """Asks one server, many questions at a time."""

    def __init__(self, base_url: str, *, api_key: str, timeout_s: float, concurrency: int) -> None:
        """Prepare to ask; nothing is sent yet.

        Args:
            base_url: Up to "/v1", such as "http://vllm:8000/v1".
            api_key: "" for none; appears in no error.
            timeout_s: For each try of a call; a call takes at most twice as long and a second.
            concurrency: Calls at a time.
        """
        self._base_url = base_url.rstrip("/")
        # A key from a file often ends in a new line, which no header takes.
        self._api_key = api_key.strip()
        if not (self._api_key.isascii() and self._api_key.isprintable()):
            raise ModelLoadError(
                "OPENAI_API_KEY has characters that no HTTP header takes; set it anew"
            )
        self._timeout_s = timeout_s
        self._longest_s = (1 + RETRIES) * timeout_s + BACKOFF_S
        self._rests_until = 0.0
        self._why = ""
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="model-server")
        self._client = OpenAI(
            base_url=self._base_url,
            # The library insists on one; servers without keys ignore it.
            api_key=self._api_key or "none",
            max_retries=RETRIES,
            default_headers={"Accept-Encoding": "identity"},
            http_client=httpx2.Client(
                transport=BoundedTransport(max_bytes=MAX_ANSWER_BYTES, timeout_s=timeout_s),
                timeout=httpx2.Timeout(timeout_s, connect=min(timeout_s, MAX_CONNECT_S)),
            ),
        )

    @property
    def name(self) -> str:
        """Host and port, without what a URL may hold of secrets."""
        return httpx2.URL(self._base_url).netloc.decode()

    def get(self, path: str, answer: type[Answer]) -> Answer:
        """Return what lies at a path below the base URL; raises as `post`."""
        return self._asked(path, answer, lambda: self._client.get(path, cast_to=httpx2.Response))

    def post(self, path: str, body: dict[str, Any], answer: type[Answer]) -> Answer:
        """Return the answer to a question at a path below the base URL.

        Raises:
            InputError: If the server refuses this question; it would refuse it again.
            CapacityError: If it is overloaded.
            UnavailableError: If it fails or is silent; it is then not asked again for a while.
            EngineError: If it refuses the key, or answers something else than `answer`.
        """
        return self._asked(
            path, answer, lambda: self._client.post(path, cast_to=httpx2.Response, body=body)
        )

    def post_beside(self, path: str, body: dict[str, Any], answer: type[Answer]) -> Answer:
        """Return the answer at a path beside "/v1", where servers keep what OpenAI hasn't."""
        return self.post(f"{self._base_url.removesuffix('/v1')}{path}", body, answer)

    def each(self, ask: Callable[[Input], Output], inputs: Iterable[Input]) -> list[Output]:
        """Ask for each input at the same time; return the outputs in order.

        Raises:
            EngineError: The first that one of them raises, or if one takes longer than it may.
        """
        futures = [self._pool.submit(ask, one) for one in inputs]
        try:
            # They begin in order, so behind the one before it none has more than its own time.
            return [future.result(timeout=self._longest_s) for future in futures]
        except TimeoutError as error:
            raise self._rest(UnavailableError(self._silence())) from error
        finally:
            for future in futures:
                future.cancel()

    def _asked(
        self, path: str, answer: type[Answer], send: Callable[[], httpx2.Response]
    ) -> Answer:
        if monotonic() < self._rests_until:
            raise UnavailableError(self._why)
        try:
            return answer.model_validate_json(send().content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise EngineError(
                f"{self.name} answers {path} otherwise than agreed: {where} {first['msg']}"
            ) from error
        except OpenAIError as error:
            # Without its cause: that tells the server's whole answer, which may hold the key.
            raise self._translated(error) from None

    def _translated(self, error: OpenAIError) -> EngineError:
        if isinstance(error, APITimeoutError):
            return self._rest(UnavailableError(self._silence()))
        if isinstance(error, APIConnectionError):
            return self._rest(
                UnavailableError(
                    f"no connection to {self.name}: {self._shown(error.__cause__)}; is it running?"
                )
            )
        if isinstance(error, APIStatusError):
            return self._refusal(error)
        return EngineError(f"{self.name} can't be asked: {self._shown(error)}")

    def _refusal(self, error: APIStatusError) -> EngineError:
        status = error.status_code
        if isinstance(error, openai.RateLimitError):
            return self._rest(
                CapacityError(
                    f"{self.name} is overloaded (429); ask less at a time, or add servers"
                )
            )
        if status >= SERVER_ERRORS:
            said = self._shown(error.body)
            return self._rest(UnavailableError(f"{self.name} fails ({status}): {said}"))
        if status in (401, 403):
            # The server's words may hold the key, or a part of it.
            return EngineError(f"{self.name} refuses the key ({status}); check OPENAI_API_KEY")
        said = f"({status}): {self._shown(error.body)}"
        if status in REFUSED:
            return InputError(f"{self.name} refuses the request {said}")
        if status == 404:
            return EngineError(f"{self.name} has no such path or model {said}")
        return EngineError(f"{self.name} failed {said}")

    def _rest(self, error: EngineError) -> EngineError:
        self._why = f"{error} (not asked again for {REST_S:.0f} s)"
        self._rests_until = monotonic() + REST_S
        return error

    def _silence(self) -> str:
        return (
            f"{self.name} did not answer within {self._timeout_s:g} s; "
            f"is it overloaded, or the timeout too short?"
        )

    def _shown(self, told: object) -> str:
        text = str(told.get("message", told) if isinstance(told, dict) else told)
        hidden = text.replace(self._api_key, "***") if self._api_key else text
        return shorten(hidden, MAX_DETAIL_CHARS)
