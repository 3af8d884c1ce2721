"""A batch call whose faults stay with their rows."""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from models.errors import EngineError, EngineLostError, UnavailableError

__all__ = ["attempt"]

logger = logging.getLogger(__name__)

Request = TypeVar("Request")
Result = TypeVar("Result")


def attempt(
    call: Callable[[Sequence[Request]], Iterable[Result]], requests: Sequence[Request]
) -> list[Result | EngineError]:
    """Return a result or an error for each request, in order.

    All in one batch; one that fails is halved until the bad row stands alone, so that it costs
    itself, and a batch too large for the memory comes to fit. A server that is away is not asked
    for each row.

    Raises:
        EngineLostError: If no call can pass any more.
    """
    if not requests:
        return []
    try:
        return list(call(requests))
    except EngineLostError:
        raise
    except UnavailableError as error:
        logger.warning("not asked for %d rows: %s", len(requests), error)
        return [error] * len(requests)
    except EngineError as error:
        if len(requests) == 1:
            logger.warning("the model failed at a row: %s", error)
            return [error]
        middle = len(requests) // 2
        return attempt(call, requests[:middle]) + attempt(call, requests[middle:])
