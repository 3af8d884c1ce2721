"""What changed from one summary to the next, word by word."""

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Literal

__all__ = ["Change", "changes", "similarity"]

Change = tuple[Literal["kept", "dropped", "added"], str]


def changes(before: str, after: str) -> Iterator[Change]:
    """Yield runs of words in reading order; of words put for others, the dropped come first."""
    old, new = before.split(), after.split()
    for operation, old_from, old_to, new_from, new_to in _matcher(old, new).get_opcodes():
        if operation == "equal":
            yield "kept", " ".join(new[new_from:new_to])
            continue
        if dropped := " ".join(old[old_from:old_to]):
            yield "dropped", dropped
        if added := " ".join(new[new_from:new_to]):
            yield "added", added


def similarity(before: str, after: str) -> float:
    """Return the share of words that stay in place, in `[0, 1]`; 1 for two empty texts.

    Source: Ratcliff & Obershelp, Dr. Dobb's Journal 1988; by difflib.
    """
    return _matcher(before.split(), after.split()).ratio()


def _matcher(old: list[str], new: list[str]) -> "SequenceMatcher[str]":
    return SequenceMatcher(None, old, new, autojunk=False)
