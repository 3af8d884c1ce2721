"""Rows of a Parquet file, a batch of them in memory at a time."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from stream_app.tables import Row, TableError

try:
    import pyarrow
    from pyarrow.parquet import ParquetFile
except ImportError as error:
    raise TableError(
        "reading .parquet needs pyarrow: pip install 'stream-app[replay]', or give .jsonl or .csv"
    ) from error

__all__ = ["parquet_rows"]

NUM_AT_ONCE = 10_000


def parquet_rows(path: Path) -> Iterator[tuple[int, Row | TableError]]:
    """Yield each row with its number, from 1; nulls are left out of their row.

    Raises:
        TableError: If the file can't be opened, or is not Parquet.
    """
    number = 0
    try:
        with ParquetFile(path) as file:
            rows = chain.from_iterable(map(_rows, file.iter_batches(NUM_AT_ONCE)))
            for number, row in enumerate(rows, start=1):
                yield number, {name: value for name, value in row.items() if value is not None}
    except (pyarrow.ArrowException, OSError) as error:
        raise TableError(f"{path}: {error}") from error
    except (ValueError, OverflowError) as error:
        # A value that Python has no date for; which rows of its batch are good can't be told.
        yield number + 1, TableError(f"not readable, reading ends here: {error}")


def _rows(batch: Any) -> list[Row]:  # noqa: ANN401  # pyarrow ships no types
    """Return the rows of a record batch; Python's times have no nanoseconds."""
    micros = [
        field.with_type(pyarrow.timestamp("us", field.type.tz))
        if pyarrow.types.is_timestamp(field.type)
        else field
        for field in batch.schema
    ]
    rows: list[Row] = batch.cast(pyarrow.schema(micros), safe=False).to_pylist()
    return rows
