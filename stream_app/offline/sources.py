"""A log and a catalogue, read as `send` and `catalog load` read them, put in order of time."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path

from models.candidates import tie_break
from schemas.interaction import Interaction
from schemas.item import Item
from stream_app.interaction_rows import to_interaction
from stream_app.item_rows import to_item
from stream_app.offline.columns import renamed
from stream_app.offline.files import LogFiles, rows_of
from stream_app.tables import Row, TableError

__all__ = ["LeftOut", "Sources", "read_sources"]

MAX_NAMED = 5
NUM_BETWEEN_TOLD = 5_000

YEAR = re.compile(r"\(((?:18|19|20)\d\d)\)\s*$")
# What MovieLens writes where a film has no genre.
NO_GENRES = "(no genres listed)"


@dataclass
class LeftOut:
    """What could not be used: how many lines, and the first of them with the reason."""

    num_lines: int = 0
    named: list[str] = field(default_factory=list)

    def add(self, reason: str, num_lines: int = 1) -> None:
        """Count lines that are left out for a reason."""
        self.num_lines += num_lines
        if len(self.named) < MAX_NAMED:
            self.named.append(reason)

    def told(self) -> list[str]:
        """Return what a person should know, a line each."""
        lines = [f"left out: {reason}" for reason in self.named]
        return [*lines, f"left out: {self.num_lines} lines in all"] if lines else []


@dataclass(frozen=True)
class Sources:
    """What can be learned from: events of known items in the order of time, items by id.

    The hashes are of the files.
    """

    events: tuple[Interaction, ...]
    items: dict[str, Item]
    left_out: LeftOut
    events_sha256: str
    items_sha256: str


def read_sources(
    files: LogFiles,
    *,
    bucket: str,
    seed: int,
    progress: Callable[[str, int, int | None], None] = lambda *_: None,
) -> Sources:
    """Read a log and its catalogue; every line that can't be used is counted.

    Events at one time are put in an order drawn by `seed`: a log sorted by item id would tell
    what comes next. Where an event comes does not depend on later ones. An event id that comes
    again is left out.

    Raises:
        TableError: If a file can't be read, or no event is left; says what to change.
    """
    left_out = LeftOut()
    items = {item.item_id: item for item in _items(files, bucket, left_out)}
    if not items:
        raise TableError(_nothing_in(files.items, left_out))
    events: dict[str, Interaction] = {}
    for number, (line, event) in enumerate(_events(files, left_out), start=1):
        if events.setdefault(event.event_id, event) is not event:
            left_out.add(f"{files.events.name}:{line}: event_id {event.event_id} came before")
        if number % NUM_BETWEEN_TOLD == 0:
            progress("log", number, None)
    progress("log", len(events), len(events))
    if not events:
        raise TableError(_nothing_in(files.events, left_out))
    known = [event for event in events.values() if event.item_id in items]
    _tell_unknown(files, events, items, left_out)
    known.sort(key=lambda event: (event.occurred_at, tie_break(str(seed), event.event_id)))
    return Sources(tuple(known), items, left_out, _sha256(files.events), _sha256(files.items))


def _tell_unknown(
    files: LogFiles, events: dict[str, Interaction], items: dict[str, Item], left_out: LeftOut
) -> None:
    unknown = Counter(event.item_id for event in events.values() if event.item_id not in items)
    named = ", ".join(sorted(unknown)[:3])
    if unknown.total() == len(events):
        raise TableError(
            f"none of {len(events)} events is of an item in {files.items.name}; their items: "
            f"{named}; its items: {', '.join(list(items)[:3])}; give the catalogue of this log"
        )
    if unknown:
        left_out.add(
            f"{unknown.total()} events of {len(unknown)} items that are not in "
            f"{files.items.name}: {named}; add them to it if they are to count",
            unknown.total(),
        )


def _items(files: LogFiles, bucket: str, left_out: LeftOut) -> Iterator[Item]:
    for line, row in rows_of(files.items):
        try:
            item = to_item(renamed(_good(row), files.item_columns), bucket, added_at=None)
        except TableError as error:
            left_out.add(f"{files.items.name}:{line}: {error}")
        else:
            yield _film(item) if files.are_films else item


def _film(item: Item) -> Item:
    """Return a film of MovieLens, there from the year that its title ends in."""
    year = YEAR.search(item.title)
    released = datetime(int(year[1]), 1, 1, tzinfo=UTC) if year else None
    genres = tuple(name for name in item.categories if name != NO_GENRES)
    return item.model_copy(update={"added_at": item.added_at or released, "categories": genres})


def _events(files: LogFiles, left_out: LeftOut) -> Iterator[tuple[int, Interaction]]:
    for line, row in rows_of(files.events):
        try:
            yield line, to_interaction(_timed(renamed(_good(row), files.event_columns)), line)
        except TableError as error:
            left_out.add(f"{files.events.name}:{line}: {error}")


def _good(row: Row | TableError) -> Row:
    if isinstance(row, TableError):
        raise row
    return row


def _timed(row: Row) -> Row:
    """Refuse what `send` takes for an event of this moment."""
    if row.get("occurred_at") is None and row.get("timestamp") is None:
        raise TableError("no occurred_at and no timestamp: what was before what can't be told")
    return row


def _nothing_in(path: Path, left_out: LeftOut) -> str:
    first = f"; the first line left out: {left_out.named[0]}" if left_out.named else ""
    return f"{path} has no line that can be used{first}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
