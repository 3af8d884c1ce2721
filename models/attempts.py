"""A batch call whose faults stay with their rows."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from models.errors import EngineError

__all__ = ["attempt"]

Request = TypeVar("Request")
Result = TypeVar("Result")


def attempt(
    call: Callable[[Sequence[Request]], Iterable[Result]], requests: Sequence[Request]
) -> list[Result | EngineError]:
    """Return a result or an error for each request, in order.

    All in one batch; one that fails is halved until the bad row stands alone, so that it costs
    itself, and a batch too large for the memory comes to fit.
    """
    if not requests:
        return []
    try:
        return list(call(requests))
    except EngineError as error:
        if len(requests) == 1:
            return [error]
        middle = len(requests) // 2
        return attempt(call, requests[:middle]) + attempt(call, requests[middle:])
