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

    All in one batch; where that fails, each alone, so that one bad row costs one row.
    """
    if not requests:
        return []
    try:
        return list(call(requests))
    except EngineError as error:
        if len(requests) == 1:
            return [error]
        return [result for request in requests for result in attempt(call, [request])]
