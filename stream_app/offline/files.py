"""Where a log, its catalogue and its pictures lie: single files, or a folder as MovieLens ships it.

MovieLens: F. M. Harper and J. A. Konstan, "The MovieLens Datasets", TiiS 5(4):19, 2015.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from stream_app.offline.columns import Columns
from stream_app.tables import Row, TableError, read_rows

__all__ = ["LogFiles", "find_files", "rows_of"]

# Of MovieLens before 2015: no head line, and the encoding of its time.
DAT_SEPARATOR = "::"
DAT_ENCODING = "latin-1"
DAT_COLUMNS = {
    "ratings.dat": ("user_id", "item_id", "rating", "timestamp"),
    "movies.dat": ("item_id", "title", "categories"),
}


@dataclass(frozen=True)
class LogFiles:
    """A log and what belongs to it; columns are by our field, where their names are not ours.

    `are_films` says that titles end in the year in which the film came out.
    """

    events: Path
    items: Path
    pictures: Path
    event_columns: Columns = field(default_factory=dict)
    item_columns: Columns = field(default_factory=dict)
    are_films: bool = False


@dataclass(frozen=True)
class _Folder:
    """The files of a folder that is known by their names."""

    events: str
    items: str
    event_columns: Columns = field(default_factory=dict)
    item_columns: Columns = field(default_factory=dict)


FOLDERS = (
    _Folder("interactions.csv", "items.jsonl"),
    _Folder(
        "ratings.csv",
        "movies.csv",
        {"user_id": "userId", "item_id": "movieId"},
        {"item_id": "movieId"},
    ),
    _Folder("ratings.dat", "movies.dat"),
)


def find_files(
    log: Path,
    *,
    items: Path | None = None,
    pictures: Path | None = None,
    columns: Columns | None = None,
) -> LogFiles:
    """Return the files of a log, which is a file, or a folder of MovieLens.

    Args:
        log: The file or the folder.
        items: The catalogue; a folder has its own.
        pictures: The folder that image paths are relative to, by default the catalogue's.
        columns: Names of the log's columns, by our field; in a folder they are known.

    Raises:
        TableError: If the folder is none that is known, or a file comes without a catalogue.
    """
    if not log.is_dir():
        if items is None:
            raise TableError(f"{log} has no catalogue beside it: name it with --items")
        return LogFiles(log, items, pictures or items.parent, columns or {})
    for known in FOLDERS:
        if (log / known.events).is_file():
            catalogue = items or log / known.items
            return LogFiles(
                log / known.events,
                catalogue,
                pictures or catalogue.parent,
                {**known.event_columns, **(columns or {})},
                known.item_columns if items is None else {},
                are_films=items is None,
            )
    expected = ", or ".join(f"{known.events} with {known.items}" for known in FOLDERS)
    raise TableError(f"{log} is no folder that is known: expected {expected}; or name a file")


def rows_of(path: Path) -> Iterator[tuple[int, Row | TableError]]:
    """Yield each line's number and row or error, also of MovieLens' files without a head.

    Raises:
        TableError: If the file can't be opened, or is of no known kind.
    """
    if path.name not in DAT_COLUMNS:
        yield from read_rows(path)
        return
    names = DAT_COLUMNS[path.name]
    try:
        with path.open(encoding=DAT_ENCODING) as file:
            for number, line in enumerate(file, start=1):
                fields = line.rstrip("\n").split(DAT_SEPARATOR)
                if len(fields) == len(names):
                    yield number, dict(zip(names, fields, strict=True))
                else:
                    yield number, TableError(f"{len(fields)} fields, not {len(names)}")
    except OSError as error:
        raise TableError(f"{path}: {error}") from error
