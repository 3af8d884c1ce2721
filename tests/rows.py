"""Rows into a JSONL file."""

import json
from collections.abc import Sequence
from pathlib import Path


def write_rows(path: Path, rows: Sequence[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
