"""What a model answered -> what is kept of it: the same whichever engine asked."""

from models.engine import ItemContent, ItemReading, SummaryRequest
from models.item_text import shorten
from models.mllm.answers import (
    is_grounded,
    one_sentence,
    own_words,
    own_words_of_taste,
    what_is_seen,
)
from models.mllm.prompts import SUMMARY_OPENING

__all__ = ["reading", "summary"]

MAX_PARAGRAPH_CHARS = 600


def reading(item: ItemContent, answer: str | None, fault: str | None) -> ItemReading:
    """Return what was read off the picture; without one the shop's own words are all there is."""
    if answer is None:
        return ItemReading(own_words(item), dict(item.attributes), fault)
    seen, sentence = what_is_seen(answer)
    told = {value.lower() for value in (*item.categories, *item.attributes.values())}
    named = {name.lower() for name in item.attributes}
    news = {name: value for name, value in seen.items() if name not in named and value not in told}
    words = own_words(item) if sentence is None else f"{sentence} {item.description}"
    return ItemReading(shorten(words, MAX_PARAGRAPH_CHARS), {**news, **item.attributes}, fault)


def summary(request: SummaryRequest, answer: str) -> str:
    """Return the next summary; one that says what nobody told gives way to the counted likes."""
    sentence = one_sentence(answer)
    source = " ".join([SUMMARY_OPENING, request.previous, *request.block, *request.taste.likes])
    if sentence is None or not is_grounded(sentence, source):
        return own_words_of_taste(request)
    return sentence
