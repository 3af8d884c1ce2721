"""How an item reads in a prompt, and which features of it are counted."""

import re

from schemas.item_profile import ItemProfile

__all__ = ["features", "item_line", "shorten"]

# About 15 tokens: sixteen candidates stay within 400 tokens of prefill, which two cores do in well
# under a second.
MAX_LINE_CHARS = 80
# A title is a seller's words: however long, it leaves room for what was read off the picture.
MAX_TITLE_CHARS = 40

SENTENCE_END = re.compile(r"(?<=[^.].)[.!?]\s")


def shorten(text: str, max_chars: int) -> str:
    """Return the text in one line of at most `max_chars`, cut between words."""
    line = " ".join(text.split())
    if len(line) <= max_chars:
        return line
    return line[: max_chars - 1].rsplit(" ", 1)[0] + "…"


def item_line(profile: ItemProfile) -> str:
    """Return the item as prompts show it: its title, then the first sentence of its profile."""
    added = profile.summary.removeprefix(profile.title).lstrip(" .:,-")
    added = SENTENCE_END.split(added, maxsplit=1)[0].rstrip(".")
    title = shorten(profile.title, MAX_TITLE_CHARS if added else MAX_LINE_CHARS)
    return shorten(f"{title}: {added}" if added else title, MAX_LINE_CHARS)


def features(profile: ItemProfile) -> tuple[str, ...]:
    """Return what can be liked about an item, such as "colour=blue" or "category=Drama"."""
    of_attributes = [f"{name}={value}"[:128] for name, value in sorted(profile.attributes.items())]
    of_categories = [f"category={category}"[:128] for category in profile.categories]
    return tuple(dict.fromkeys(of_attributes + of_categories))
