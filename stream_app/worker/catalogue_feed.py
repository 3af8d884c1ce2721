"""item-profiles -> the catalogue, applied only while no engine call reads it."""

from collections import deque

import structlog

from models.catalogue import Catalogue
from schemas.codec import Poison, decode
from schemas.item_profile import ItemProfile

__all__ = ["CatalogueFeed"]

logger = structlog.get_logger(__name__)


class CatalogueFeed:
    """Keeps changes of the topic until `apply`, which the worker calls between two batches."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._changes: deque[tuple[str, bytes | None]] = deque()

    def add(self, item_id: str, value: bytes | None) -> None:
        """Keep a change; a null value removes the item."""
        self._changes.append((item_id, value))

    @property
    def has_changes(self) -> bool:
        """Whether there is anything to apply."""
        return bool(self._changes)

    def apply(self) -> None:
        """Bring the catalogue up to date; about 0.1 ms an item, so not on the event loop."""
        while self._changes:
            item_id, value = self._changes.popleft()
            profile = None if value is None else decode(ItemProfile, value)
            if profile is None:
                self._catalogue.withdraw(item_id)
            elif isinstance(profile, Poison):
                logger.warning("profile not readable", item_id=item_id, error=profile.reason)
            elif not self._catalogue.put(profile):
                logger.warning(
                    "profile of another model left out; `stream-app catalog load --again` has it"
                    " made anew",
                    item_id=item_id,
                    model=profile.versions.model,
                )
