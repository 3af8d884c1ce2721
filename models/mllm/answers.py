"""What a model wrote -> what may be shown: one sentence, and nothing that it made up.

Small models invent fabrics and plots. What can't be used gives way to the shop's own words.
"""

import re

from models.engine import ItemContent, SummaryRequest
from models.item_text import shorten
from models.mllm.prompts import ATTRIBUTES, SUMMARY_OPENING, feature_name

__all__ = ["is_grounded", "one_sentence", "own_words", "own_words_of_taste", "what_is_seen"]

MAX_ANSWER_CHARS = 240
MIN_ANSWER_WORDS = 3
MAX_NAMED = 6
MAX_VALUE_CHARS = 40
# A colour or a style has one to three words; more is something else, an order in a picture say.
VALUE = re.compile(r"[^\W_]+(?:[ -][^\W_]+){0,2}")

# Of the words that carry meaning, how many must be the shop's own. Below it, most of the invented
# details of SmolLM2-135M passed; at 1.0 harmless words such as "film" cost a good sentence.
MIN_KNOWN_SHARE = 0.75

# Shorter words carry grammar; the first letters are enough to know "woollen" by "wool".
MIN_WORD_CHARS = 4

# "action, crime, and action" has gone round; "crime films and old action films" has not.
REPEAT_DISTANCE = 3

WORD = re.compile(r"[^\W_]+")
# "Colour: dark blue", "- **Color**: dark blue" and the like.
NAMES = "|".join([*ATTRIBUTES, "color"])
ATTRIBUTE = re.compile(rf"[\W_]*({NAMES})[\W_]*:[\s*]*(.*)", re.IGNORECASE)
UNSEEN = {"", "none", "no", "n/a", "unknown", "unclear", "not visible", "not applicable"}
SENTENCE_END = re.compile(r"(?<=[.!?])\s")


def one_sentence(answer: str) -> str | None:
    """Return the first sentence in one line, or None if there is nothing to show.

    A sentence that says a phrase twice is nothing to show: the model went round in circles.
    """
    sentence = SENTENCE_END.split(" ".join(answer.split()), maxsplit=1)[0]
    words = WORD.findall(sentence.lower())
    if len(words) < MIN_ANSWER_WORDS or _repeats(words):
        return None
    return shorten(sentence, MAX_ANSWER_CHARS)


def what_is_seen(answer: str) -> tuple[dict[str, str], str | None]:
    """Return the attributes that the answer names line by line, and the sentence behind them.

    An attribute that the model says it can't see is left out; the sentence is None where there
    is nothing to show.
    """
    attributes: dict[str, str] = {}
    rest: list[str] = []
    for line in answer.splitlines():
        named = ATTRIBUTE.fullmatch(line)
        if named is None:
            rest.append(line)
            continue
        name, value = (
            {"color": "colour"}.get(named[1].lower(), named[1].lower()),
            named[2].strip(" .*_").lower(),
        )
        if value not in UNSEEN and len(value) <= MAX_VALUE_CHARS and VALUE.fullmatch(value):
            attributes.setdefault(name, value)
    in_order = {name: attributes[name] for name in ATTRIBUTES if name in attributes}
    return in_order, one_sentence("\n".join(rest))


def is_grounded(sentence: str, source: str) -> bool:
    """Tell whether the sentence says what the source says, by the words they share."""
    stems = {word[:MIN_WORD_CHARS] for word in WORD.findall(source.lower())}
    telling = [word for word in WORD.findall(sentence.lower()) if len(word) >= MIN_WORD_CHARS]
    known = sum(word[:MIN_WORD_CHARS] in stems for word in telling)
    return bool(telling) and known / len(telling) >= MIN_KNOWN_SHARE


def own_words(item: ItemContent) -> str:
    """Return the item in the shop's words: title, categories, attributes, description."""
    named = [one for one in item.categories if one.lower() not in item.title.lower()]
    details = [f"{name} {value}" for name, value in sorted(item.attributes.items())]
    facts = filter(None, [", ".join(named + details), item.description])
    return shorten(": ".join(filter(None, [item.title, ". ".join(facts)])), MAX_ANSWER_CHARS)


def own_words_of_taste(request: SummaryRequest) -> str:
    """Return the taste in counted likes, or what was there before where nothing is counted."""
    names = [feature_name(name) for name in request.taste.likes[:MAX_NAMED]]
    if names:
        return shorten(f"{SUMMARY_OPENING} {', '.join(names)}.", MAX_ANSWER_CHARS)
    return shorten(request.previous or "; ".join(request.block), MAX_ANSWER_CHARS)


def _repeats(words: list[str]) -> bool:
    doubled = any(
        word in words[max(0, place - REPEAT_DISTANCE) : place]
        for place, word in enumerate(words)
        if len(word) >= MIN_WORD_CHARS
    )
    triples = list(zip(words, words[1:], words[2:], strict=False))
    return doubled or len(set(triples)) < len(triples)
