"""A log and a catalogue, read as `send` and `catalog load` read them, put in order of time."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

import numpy as np

from schemas.interaction import Interaction
from schemas.item import Item
from stream_app.finetune.errors import FinetuneError
from stream_app.interaction_rows import to_interaction
from stream_app.item_rows import to_item
from stream_app.tables import Row, TableError, read_rows

__all__ = ["Sources", "read_sources"]


@dataclass(frozen=True)
class Sources:
    """What can be learned from: events of known items in the order of time, items by id.

    `left_out` says which lines could not be used, and why. The hashes are of the files.
    """

    events: tuple[Interaction, ...]
    items: dict[str, Item]
    left_out: tuple[str, ...]
    events_sha256: str
    items_sha256: str


def read_sources(events: Path, items: Path, *, bucket: str, seed: int) -> Sources:
    """Read both files.

    Events at one time are put in an order drawn by `seed`: a log sorted by item id would tell
    what comes next. An event id that comes again is left out.

    Raises:
        TableError: If a file can't be read.
        FinetuneError: If no event is left; the message says what to change.
    """
    left_out: list[str] = []
    found = {item.item_id: item for item in _items(items, bucket, left_out)}
    if not found:
        raise FinetuneError(_nothing_in(items, left_out))
    all_events: dict[str, Interaction] = {}
    for event in _events(events, left_out):
        all_events.setdefault(event.event_id, event)
    if not all_events:
        raise FinetuneError(_nothing_in(events, left_out))
    known = [event for event in all_events.values() if event.item_id in found]
    unknown = sorted({event.item_id for event in all_events.values()} - set(found))
    named = ", ".join(unknown[:3])
    if not known:
        raise FinetuneError(
            f"none of {len(all_events)} events is of an item in {items.name}; their items: "
            f"{named}; its items: {', '.join(list(found)[:3])}; give the catalogue of this log"
        )
    if unknown:
        left_out.append(
            f"{len(all_events) - len(known)} events of {len(unknown)} items that are not in "
            f"{items.name}: {named}; add them to it if they are to count"
        )
    tie_break = np.random.default_rng(seed).permutation(len(known))
    order = sorted(range(len(known)), key=lambda row: (known[row].occurred_at, tie_break[row]))
    return Sources(
        tuple(known[row] for row in order),
        found,
        tuple(left_out),
        _sha256(events),
        _sha256(items),
    )


def _items(path: Path, bucket: str, left_out: list[str]) -> Iterator[Item]:
    for line, row in read_rows(path):
        try:
            yield to_item(_good(row), bucket, added_at=None)
        except TableError as error:
            left_out.append(f"{path.name}:{line}: {error}")


def _events(path: Path, left_out: list[str]) -> Iterator[Interaction]:
    for line, row in read_rows(path):
        try:
            yield to_interaction(_timed(_good(row)), line)
        except TableError as error:
            left_out.append(f"{path.name}:{line}: {error}")


def _good(row: Row | TableError) -> Row:
    if isinstance(row, TableError):
        raise row
    return row


def _timed(row: Row) -> Row:
    """Refuse what `send` takes for an event of this moment."""
    if row.get("occurred_at") is None and row.get("timestamp") is None:
        raise TableError("no occurred_at and no timestamp: what was before what can't be told")
    return row


def _nothing_in(path: Path, left_out: list[str]) -> str:
    first = f"; the first line left out: {left_out[0]}" if left_out else ""
    return f"{path} has no line that can be used{first}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
