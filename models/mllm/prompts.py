"""What the model is asked, as chat messages. Short and concrete: small models must follow it too.

Titles and descriptions are a shop's or a user's words, so they enter as bounded single lines in
which no special token of the tokenizer survives.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from models.engine import ItemContent, ScoreRequest, SummaryRequest, Taste
from models.item_text import shorten

__all__ = [
    "ATTRIBUTES",
    "MAX_READING_TOKENS",
    "MAX_SUMMARY_TOKENS",
    "NO",
    "PROMPT_VERSION",
    "SLOT",
    "SUMMARY_OPENING",
    "YES",
    "Message",
    "Plain",
    "candidate_line",
    "feature_name",
    "reading_prompt",
    "score_prompt",
    "summary_prompt",
]

# Changes with any word below, with how answers are cleaned, and with what a state shows of itself
# and of items (`models.preference`, `models.item_text`); profiles carry it.
PROMPT_VERSION = "mllm-3"

# Four attributes and a sentence.
MAX_READING_TOKENS = 64
MAX_SUMMARY_TOKENS = 32

MAX_TITLE_CHARS = 120
MAX_LINE_CHARS = 160
MAX_SUMMARY_CHARS = 300
MAX_NAMES = 12
MAX_CATEGORIES = 8
# Of the likes, which come weightiest first, so many are told apart as the strongest.
NUM_STRONGEST = 4
MAX_NAME_CHARS = 40

# What is read off a picture, where it can be seen.
ATTRIBUTES = ("kind", "colour", "pattern", "style")
LOOK = f"What does the picture show? Say {', '.join(ATTRIBUTES)}, then one sentence."
SUMMARISE = "What does this person like? Answer in one short sentence."

# A private-use character: `Plain` lets none through, so no title can pass for it.
SLOT = "\ue000"

# What candidates are answered by; one token each.
YES, NO = "Yes", "No"

# What a summary begins with; the model goes on from there.
SUMMARY_OPENING = "Likes"

Message = dict[str, Any]


class Plain:
    """Makes untrusted text plain: one line, bounded, and never a token with a meaning."""

    def __init__(self, special_tokens: Iterable[str]) -> None:
        words = sorted({token for token in special_tokens if token.strip()}, key=len, reverse=True)
        # Whatever its case: some tokenizers fold it before they look for their tokens.
        pattern = "|".join(map(re.escape, words))
        self._special = re.compile(pattern, re.IGNORECASE) if words else None

    def __call__(self, text: str, max_chars: int) -> str:
        """Return the text as one line of at most `max_chars`, special tokens broken up."""
        # Compatible forms first: a full-width "<" becomes the one that tokens are written with.
        folded = unicodedata.normalize("NFKC", text)
        visible = "".join(" " if unicodedata.category(one)[0] == "C" else one for one in folded)
        line = shorten(visible, max_chars)
        return self._special.sub(_broken, line) if self._special else line


def reading_prompt(item: ItemContent, plain: Plain) -> list[Message]:
    """Ask what the item's picture shows: attributes line by line, and one sentence.

    Of the shop's words only title and categories stand beside it: they say what to look at.
    """
    lines = [f"Title: {plain(item.title, MAX_TITLE_CHARS)}"]
    if item.categories:
        lines.append(f"Category: {_names(item.categories[:MAX_CATEGORIES], plain)}")
    return [_user("\n".join([*lines, LOOK]), with_picture=True)]


def summary_prompt(request: SummaryRequest, plain: Plain) -> list[Message]:
    """Ask for the taste that the previous summary and the newest interactions show."""
    lines = ["This person:", *(f"- {plain(line, MAX_LINE_CHARS)}" for line in request.block)]
    if request.previous:
        lines.append(f"Until now: {plain(request.previous, MAX_SUMMARY_CHARS)}")
    lines += _taste(request.taste, plain)
    lines.append(SUMMARISE)
    return [_user("\n".join(lines))]


def score_prompt(request: ScoreRequest, plain: Plain) -> list[Message]:
    """Ask whether the user would like the item that takes the place of `SLOT`."""
    lines = []
    if request.summary:
        lines.append(f"A person: {plain(request.summary, MAX_SUMMARY_CHARS)}")
    if request.recent:
        lines.append("Lately this person:")
        lines += [f"- {plain(line, MAX_LINE_CHARS)}" for line in request.recent]
    lines += _taste(request.taste, plain)
    lines.append(f"Would this person like the next item? Answer {YES} or {NO}.")
    lines.append(f"Item:{SLOT}")
    return [_user("\n".join(lines))]


def candidate_line(candidate: str, plain: Plain) -> str:
    """Return what a candidate puts in the place of `SLOT`, behind a space."""
    return plain(candidate, MAX_LINE_CHARS)


def feature_name(feature: str) -> str:
    """Return a counted feature as people say it: "Drama" for "category=Drama", "colour blue"."""
    return feature.removeprefix("category=").replace("=", " ")


def _taste(taste: Taste, plain: Plain) -> list[str]:
    told = [
        ("This person likes most", taste.likes[:NUM_STRONGEST]),
        ("This person likes", taste.likes[NUM_STRONGEST:]),
        ("This person dislikes", taste.dislikes),
    ]
    return [f"{words}: {_names(names, plain)}" for words, names in told if names]


def _names(names: Iterable[str], plain: Plain) -> str:
    return ", ".join(plain(feature_name(name), MAX_NAME_CHARS) for name in list(names)[:MAX_NAMES])


def _user(text: str, *, with_picture: bool = False) -> Message:
    parts: list[Message] = [{"type": "image"}] if with_picture else []
    return {"role": "user", "content": [*parts, {"type": "text", "text": text}]}


def _broken(match: re.Match[str]) -> str:
    # A space behind the first character: people still read it, the tokenizer doesn't.
    token = match.group()
    return f"{token[0]} {token[1:]}" if len(token) > 1 else " "
