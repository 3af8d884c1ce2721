"""A user's prompts as tokens: what they all begin with, and how each of them goes on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, takewhile

__all__ = ["Row", "pieces", "shared_row"]


@dataclass(frozen=True)
class Row:
    """Token ids that a user's prompts begin with, and the rest of each, at least one token."""

    prefix: list[int]
    ends: list[list[int]]

    @property
    def num_tokens(self) -> int:
        """Tokens to compute when the prefix is computed once."""
        return len(self.prefix) + sum(map(len, self.ends))

    @property
    def ids(self) -> list[int]:
        """The packed tokens: the prefix, then each end."""
        return [*self.prefix, *chain.from_iterable(self.ends)]

    @property
    def last_places(self) -> list[int]:
        """Where in `ids` each end has its last token."""
        return [len(self.prefix) + end - 1 for end in accumulate(map(len, self.ends))]

    @property
    def longest(self) -> int:
        """Tokens of the longest whole prompt."""
        return len(self.prefix) + max(map(len, self.ends), default=0)


def shared_row(prompts: Sequence[list[int]]) -> Row:
    """Split prompts where they begin to differ.

    The seam is found in tokens, because words may grow together across the one in the text. The
    last token of each stays its own, for the answer is read there.
    """
    columns = zip(*(prompt[:-1] for prompt in prompts), strict=False)
    shared = [column[0] for column in takewhile(lambda column: len(set(column)) == 1, columns)]
    return Row(shared, [prompt[len(shared) :] for prompt in prompts])


def pieces(row: Row, max_tokens: int) -> Iterator[Row]:
    """Yield the row in parts of at most `max_tokens` where that can be, each with the prefix."""
    ends: list[list[int]] = []
    num_tokens = len(row.prefix)
    for end in row.ends:
        if ends and num_tokens + len(end) > max_tokens:
            yield Row(row.prefix, ends)
            ends = []
            num_tokens = len(row.prefix)
        ends.append(end)
        num_tokens += len(end)
    if ends:
        yield Row(row.prefix, ends)
