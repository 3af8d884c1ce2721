"""Rows of a JSONL, CSV or Parquet file, with their line numbers for error messages."""

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import orjson

__all__ = ["Row", "TableError", "read_rows", "text_of"]

Row = dict[str, object]


class TableError(Exception):
    """A file or a line that can't be read; the message says which and why."""


def read_rows(path: Path) -> Iterator[tuple[int, Row | TableError]]:
    """Yield each line's number and row; a bad line yields its error and doesn't end the file.

    `-` reads JSONL from standard input. Empty CSV fields and Parquet's nulls are left out of their
    row.

    Raises:
        TableError: If the file can't be opened, or its ending is not .jsonl, .csv or .parquet.
    """
    if path.suffix == ".parquet":
        # Imported for such files only: it is an extra, and takes a quarter of a second.
        from stream_app.parquet import parquet_rows

        yield from parquet_rows(path)
        return
    with _open(path) as file:
        yield from _csv_rows(file) if path.suffix == ".csv" else _jsonl_rows(file)


def text_of(row: Row, name: str) -> str:
    """Return a field as text, "" where it is missing or null: numbers are fine for ids."""
    value = row.get(name)
    return "" if value is None else str(value)


@contextmanager
def _open(path: Path) -> Iterator[TextIO]:
    if str(path) == "-":
        yield sys.stdin
        return
    if path.suffix not in {".jsonl", ".ndjson", ".csv"}:
        raise TableError(f"{path}: expected a name ending in .jsonl, .csv or .parquet")
    try:
        with path.open(encoding="utf-8", newline="") as file:
            yield file
    except (OSError, UnicodeDecodeError) as error:
        raise TableError(f"{path}: {error}") from error


def _jsonl_rows(file: TextIO) -> Iterator[tuple[int, Row | TableError]]:
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            yield number, TableError(f"not valid JSON: {error}")
            continue
        yield number, row if isinstance(row, dict) else TableError("not a JSON object")


def _csv_rows(file: TextIO) -> Iterator[tuple[int, Row | TableError]]:
    reader = csv.DictReader(file)
    try:
        for row in reader:
            if None in row:
                yield reader.line_num, TableError("more fields than the head has columns")
            else:
                filled = {name: value for name, value in row.items() if value not in {"", None}}
                yield reader.line_num, filled
    except csv.Error as error:
        # The rest of the file can't be told apart any more.
        yield reader.line_num, TableError(f"not valid CSV, reading ends here: {error}")
