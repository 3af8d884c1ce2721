"""A record that could not be processed: its bytes unchanged, the reason in headers.

Behind it, once it was dealt with, a marker on the same partition that says what became of it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["PREFIX", "DeadLetter", "LetterId", "Settlement"]

# A reason is for people and filters; broker and header limits are far above.
MAX_MESSAGE_CHARS = 500
# Headers of ours begin with it; an original's own never do.
PREFIX = "dlq."
LETTER_ID = re.compile(r"([0-9]{1,10}):([0-9]{1,19})")

Headers = Iterable[tuple[str, bytes | None]]


class LetterId(NamedTuple):
    """Where a letter lies on the dead letters' topic, written "partition:offset"."""

    partition: int
    offset: int

    @classmethod
    def parse(cls, text: str) -> "LetterId":
        """Read what `str` wrote.

        Raises:
            ValueError: If the text is something else.
        """
        found = LETTER_ID.fullmatch(text)
        if found is None:
            raise ValueError("a letter's id is partition:offset, such as 2:1041")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"


@dataclass(frozen=True)
class DeadLetter:
    """Why and where a record was set aside. Key and value of the original travel unchanged.

    `stage` is the process that refused it, `error` a stable class name to filter by, `message`
    a sentence for people, free of the record's content. `cut_bytes` is the size of the original's
    value where the letter had no room for it and is empty in its place, None where it is whole.
    """

    topic: str
    partition: int
    offset: int
    stage: str
    error: str
    message: str
    cut_bytes: int | None = None

    def headers(self, original: Headers = ()) -> list[tuple[str, bytes]]:
        """Return the original's headers and ours behind them, without an earlier letter's.

        A null header becomes empty: readers of dead letters need not know null.
        """
        foreign = [(name, value or b"") for name, value in original if not name.startswith(PREFIX)]
        return [*foreign, *self.to_headers()]

    def to_headers(self) -> list[tuple[str, bytes]]:
        """Return Kafka record headers, UTF-8, `message` cut to 500 characters."""
        fields = {
            "dlq.topic": self.topic,
            "dlq.partition": str(self.partition),
            "dlq.offset": str(self.offset),
            "dlq.stage": self.stage,
            "dlq.error": self.error,
            "dlq.message": self.message[:MAX_MESSAGE_CHARS],
        }
        if self.cut_bytes is not None:
            fields["dlq.cut-bytes"] = str(self.cut_bytes)
        return [(name, value.encode()) for name, value in fields.items()]

    @classmethod
    def from_headers(cls, headers: Headers) -> "DeadLetter":
        """Read what `to_headers` wrote.

        Raises:
            ValueError: If a header is missing or not a number where one must be.
        """
        found = _decoded(headers)
        cut_bytes = found.get("dlq.cut-bytes")
        try:
            return cls(
                topic=found["dlq.topic"],
                partition=int(found["dlq.partition"]),
                offset=int(found["dlq.offset"]),
                stage=found["dlq.stage"],
                error=found["dlq.error"],
                message=found["dlq.message"],
                cut_bytes=None if cut_bytes is None else int(cut_bytes),
            )
        except KeyError as error:
            raise ValueError(f"not a dead letter: header {error} is missing") from error


@dataclass(frozen=True)
class Settlement:
    """What became of a letter: headers of a record with an empty value on the letter's partition.

    It is written in one transaction with what followed, so a letter without one is open.
    `settled_as` is "redriven" or "discarded"; a word of a later version settles a letter as well.
    """

    letter_id: LetterId
    settled_as: str

    def to_headers(self) -> list[tuple[str, bytes]]:
        """Return Kafka record headers, UTF-8."""
        fields = {"dlq.settles": str(self.letter_id), "dlq.settled-as": self.settled_as}
        return [(name, value.encode()) for name, value in fields.items()]

    @classmethod
    def from_headers(cls, headers: Headers) -> "Settlement | None":
        """Read what `to_headers` wrote; None if it is no settlement.

        Raises:
            ValueError: If it names no letter.
        """
        found = _decoded(headers)
        if "dlq.settles" not in found:
            return None
        return cls(LetterId.parse(found["dlq.settles"]), found.get("dlq.settled-as", ""))


def _decoded(headers: Headers) -> dict[str, str]:
    return {name: (value or b"").decode(errors="replace") for name, value in headers}
