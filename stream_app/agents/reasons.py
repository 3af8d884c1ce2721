"""The sentence that says why an item is in the list, made from the record's evidence alone.

Nothing is invented: what is said of the user's items is what they share with the candidate, and
where no item speaks for the candidate, the source that proposed it is named.
"""

from schemas.ranking import CitedItem, FollowedItem, RankedCandidate

__all__ = ["citable", "evidence", "reason"]

MAX_TITLE_CHARS = 80
MAX_SHARED = 3

DID = {
    "view": "looked at",
    "click": "clicked on",
    "like": "liked",
    "purchase": "bought",
    "rating": "rated",
}
SOURCES = {
    "recent": "Close to what you looked at lately.",
    "summary": "Fits what you like now.",
    "transitions": "Others went on to it from what you were for lately.",
    "popular": "Popular now.",
    "newest": "New in the shop.",
    "explore": "A change from your usual.",
}
FOLLOWED = "transitions"
NO_SOURCE = "Picked for you."


def reason(candidate: RankedCandidate) -> str:
    """Return one sentence for the user.

    Where what others went on to speaks loudest, it names the user's item that they came from. Else
    it cites the user's item that is most similar to the candidate; without one it names the source
    with the highest score, the first of equal ones.
    """
    if candidate.follows is not None and _loudest(candidate.sources) == FOLLOWED:
        return _as_others(candidate.follows)
    cited = citable(candidate)
    return _because(cited[0]) if cited else _by_source(candidate.sources)


def evidence(candidate: RankedCandidate) -> tuple[str, ...]:
    """Return the ids of the user's items that speak for the candidate, each once."""
    followed = () if candidate.follows is None else (candidate.follows.item_id,)
    return tuple(dict.fromkeys([*(one.item_id for one in citable(candidate)), *followed]))


def citable(candidate: RankedCandidate) -> list[CitedItem]:
    """Return the user's items that speak for the candidate, most similar first.

    A disliked item is evidence too, but not a reason to show another.
    """
    positive = [cited for cited in candidate.cites if cited.kind != "dislike"]
    return sorted(positive, key=lambda cited: -cited.similarity)


def _because(cited: CitedItem) -> str:
    sentence = f"Because you {DID[cited.kind]} {_one_line(cited.title)}"
    if not cited.shared:
        return f"{sentence}."
    shared = [_one_line(_in_words(name)) for name in cited.shared[:MAX_SHARED]]
    return f"{sentence}: {_joined(shared)} in both."


def _as_others(followed: FollowedItem) -> str:
    return f"Others went on to it from {_one_line(followed.title)}, which you {DID[followed.kind]}."


def _in_words(shared: str) -> str:
    """Turn "style=sporty" into "sporty style" and "category=hoodie" into "hoodie"."""
    name, equals, value = shared.partition("=")
    if not equals:
        return shared
    return value if name == "category" else f"{value} {name}"


def _joined(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _by_source(sources: dict[str, float]) -> str:
    if not sources:
        return NO_SOURCE
    best = _loudest(sources)
    return SOURCES.get(best, f"Suggested by {_one_line(best)}.")


def _loudest(sources: dict[str, float]) -> str:
    return max(sources, key=lambda name: sources[name], default="")


def _one_line(text: str) -> str:
    """Return the text without line breaks and control characters, cut to 80 characters."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return plain if len(plain) <= MAX_TITLE_CHARS else f"{plain[: MAX_TITLE_CHARS - 1]}…"
