"""Work that is given up when something beside it fails."""

import asyncio
from collections.abc import Coroutine
from typing import Any

__all__ = ["beside"]


async def beside(work: Coroutine[Any, Any, None], *others: Coroutine[Any, Any, None]) -> None:
    """Do the work while others run, which end by an error only; that is raised.

    A task group would raise it wrapped in a group, which no caller knows how to tell.
    """
    tasks = [asyncio.ensure_future(one) for one in (work, *others)]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
