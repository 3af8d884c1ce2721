"""What the model is asked, as chat messages. Short and concrete: small models must follow it too.

Titles and descriptions are a shop's or a user's words, so they enter as bounded single lines in
which no special token of the tokenizer survives.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from models.engine import ItemContent, ScoreRequest, SummaryRequest
from models.item_text import shorten

__all__ = [
    "MAX_READING_TOKENS",
    "MAX_SUMMARY_TOKENS",
    "PROMPT_VERSION",
    "Message",
    "Plain",
    "reading_prompt",
    "score_prompt",
    "summary_prompt",
]

# Changes with any word below and with how answers are cleaned: old profiles are then read anew.
PROMPT_VERSION = "mllm-1"

MAX_READING_TOKENS = 32
MAX_SUMMARY_TOKENS = 48

MAX_TITLE_CHARS = 120
MAX_DESCRIPTION_CHARS = 400
MAX_LINE_CHARS = 160
MAX_SUMMARY_CHARS = 300
MAX_NAMES = 8

Message = dict[str, Any]


class Plain:
    """Makes untrusted text plain: one line, bounded, and never a token with a meaning."""

    def __init__(self, special_tokens: Iterable[str]) -> None:
        words = sorted({token for token in special_tokens if token.strip()}, key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, words))) if words else None

    def __call__(self, text: str, max_chars: int) -> str:
        """Return the text as one line of at most `max_chars`, special tokens broken up."""
        visible = "".join(" " if unicodedata.category(one)[0] == "C" else one for one in text)
        line = shorten(visible, max_chars)
        return self._special.sub(_broken, line) if self._special else line


def reading_prompt(item: ItemContent, plain: Plain, *, with_picture: bool) -> list[Message]:
    """Ask for one sentence that describes the item."""
    lines = [f"Title: {plain(item.title, MAX_TITLE_CHARS)}"]
    if item.categories:
        lines.append(f"Category: {_names(item.categories, plain)}")
    if item.attributes:
        lines.append(f"Details: {_names(_details(item), plain)}")
    if item.description:
        lines.append(f"Description: {plain(item.description, MAX_DESCRIPTION_CHARS)}")
    lines.append("Describe this item in one short sentence.")
    return _user("\n".join(lines), with_picture=with_picture)


def summary_prompt(request: SummaryRequest, plain: Plain) -> list[Message]:
    """Ask for the taste that the previous summary and the newest interactions show."""
    lines = ["A person did this, oldest first:"]
    lines += [f"- {plain(line, MAX_LINE_CHARS)}" for line in request.block]
    if request.previous:
        lines.append(f"Before that: {plain(request.previous, MAX_SUMMARY_CHARS)}")
    lines += _taste(request.taste.likes, request.taste.dislikes, plain)
    lines.append('What does this person like? Answer in one short sentence: "Likes ..."')
    return _user("\n".join(lines))


def score_prompt(request: ScoreRequest, candidate: str, plain: Plain) -> list[Message]:
    """Ask whether the user would like a candidate; only the first answer token is read.

    Prompts of one request differ in their last line alone, so that the rest is computed once.
    """
    lines = []
    if request.summary:
        lines.append(f"A person: {plain(request.summary, MAX_SUMMARY_CHARS)}")
    if request.recent:
        lines.append("Lately this person:")
        lines += [f"- {plain(line, MAX_LINE_CHARS)}" for line in request.recent]
    lines += _taste(request.taste.likes, request.taste.dislikes, plain)
    lines.append("Would this person like the next item? Answer Yes or No.")
    lines.append(f"Item: {plain(candidate, MAX_LINE_CHARS)}")
    return _user("\n".join(lines))


def _taste(likes: Iterable[str], dislikes: Iterable[str], plain: Plain) -> list[str]:
    told = [("This person likes", tuple(likes)), ("This person dislikes", tuple(dislikes))]
    return [f"{words}: {_names(names, plain)}" for words, names in told if names]


def _names(names: Iterable[str], plain: Plain) -> str:
    return ", ".join(plain(name.replace("=", " "), 40) for name in list(names)[:MAX_NAMES])


def _details(item: ItemContent) -> list[str]:
    return [f"{name} {value}" for name, value in sorted(item.attributes.items())]


def _user(text: str, *, with_picture: bool = False) -> list[Message]:
    parts: list[Message] = [{"type": "image"}] if with_picture else []
    return [{"role": "user", "content": [*parts, {"type": "text", "text": text}]}]


def _broken(match: re.Match[str]) -> str:
    # A space behind the first character: people still read it, the tokenizer doesn't.
    token = match.group()
    return f"{token[0]} {token[1:]}" if len(token) > 1 else " "
