"""What a model was paid for once, on disk: an interrupted or second run goes on from there."""

import json
from hashlib import sha256
from pathlib import Path

import orjson

__all__ = ["Cache", "digest"]


def digest(*parts: object) -> str:
    """Return a hash of values that JSON can tell apart."""
    return sha256(orjson.dumps(parts)).hexdigest()[:32]


class Cache:
    """Texts by key, in a file that only grows, a line for each.

    A line that was cut off by a kill is skipped. With `writes` False nothing is written, for a
    process beside the one that writes.
    """

    def __init__(self, path: Path, *, writes: bool = True) -> None:
        self._path = path
        self._writes = writes
        self._texts = dict(_lines(path)) if path.exists() else {}

    def get(self, key: str) -> str | None:
        """Return the text of a key, None if there is none."""
        return self._texts.get(key)

    def put(self, key: str, text: str) -> None:
        """Keep a text; it is on disk when this returns."""
        self._texts[key] = text
        if self._writes:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                # Begun by a new line, so that it never goes on behind one that was cut off.
                file.write(f"\n{json.dumps([key, text])}")


def _lines(path: Path) -> list[tuple[str, str]]:
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            key, text = orjson.loads(line)
        except ValueError:
            continue
        found.append((key, text))
    return found
