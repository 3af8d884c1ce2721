"""What agents look up: the newest record of an item, and which items have a profile."""

from schemas.codec import Poison, decode
from schemas.item import Item
from stream_app.config import Settings
from stream_app.kafka.compacted import CompactedView

__all__ = ["ItemsView", "ProfiledItems"]


class ItemsView:
    """The catalogue as bytes, decoded on lookup: a million items cost their JSON, not objects."""

    def __init__(self, settings: Settings) -> None:
        self._raw: dict[str, bytes] = {}
        self.view = CompactedView(settings, settings.topics.items.name, self._apply)

    def find(self, item_id: str) -> Item | Poison | None:
        """Return the item, a `Poison` if its record can't be read, or None if there is none."""
        raw = self._raw.get(item_id)
        return None if raw is None else decode(Item, raw)

    async def find_after_waiting(self, item_id: str) -> Item | Poison | None:
        """Like `find`, but what the topic holds by now counts, not only what was read so far."""
        if item_id not in self._raw:
            await self.view.catch_up()
        return self.find(item_id)

    def _apply(self, item_id: str, value: bytes | None) -> None:
        if value is None:
            self._raw.pop(item_id, None)
        else:
            self._raw[item_id] = value


class ProfiledItems:
    """The ids of the items that have a profile: their pictures are not needed any more."""

    def __init__(self, settings: Settings) -> None:
        self._ids: set[str] = set()
        self.view = CompactedView(settings, settings.topics.item_profiles.name, self._apply)

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._ids

    def _apply(self, item_id: str, value: bytes | None) -> None:
        if value is None:
            self._ids.discard(item_id)
        else:
            self._ids.add(item_id)
