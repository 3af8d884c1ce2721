"""Which column of a log is what, where the names are not ours."""

from collections.abc import Iterable, Mapping

from stream_app.tables import Row, TableError

__all__ = ["Columns", "parse_columns", "renamed"]

# Our field by the name of the column that it is read from.
Columns = Mapping[str, str]

FIELDS = {
    "user": "user_id",
    "item": "item_id",
    "time": "timestamp",
    "kind": "kind",
    "rating": "rating",
    "event": "event_id",
}
NEEDED = {"user_id", "item_id", "timestamp"}


def parse_columns(options: Iterable[str]) -> dict[str, str]:
    """Return the columns that options such as "user=userId" name, by our field.

    Raises:
        TableError: If an option is something else.
    """
    columns: dict[str, str] = {}
    for option in options:
        name, equals, column = option.partition("=")
        if name not in FIELDS or not equals or not column:
            raise TableError(
                f"column {option!r}: expected NAME=COLUMN, such as user=userId; names are "
                f"{', '.join(FIELDS)}"
            )
        columns[FIELDS[name]] = column
    return columns


def renamed(row: Row, columns: Columns) -> Row:
    """Return the row under our names; a time that is text is taken for ISO.

    Raises:
        TableError: If a column that every event needs is not there.
    """
    if not columns:
        return row
    found = {name: value for name, value in row.items() if name not in columns}
    for name, column in columns.items():
        if row.get(column) is not None:
            found[name] = row[column]
        elif name in NEEDED:
            raise TableError(f"no column {column!r}; there are: {', '.join(map(str, row))}")
    if "timestamp" in columns and not _is_number(found["timestamp"]):
        found["occurred_at"] = found.pop("timestamp")
    return found


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True
