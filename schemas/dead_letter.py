"""A record that could not be processed: its bytes unchanged, the reason in headers."""

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["DeadLetter"]

# A reason is for people and filters; broker and header limits are far above.
MAX_MESSAGE_CHARS = 500
PREFIX = "dlq."


@dataclass(frozen=True)
class DeadLetter:
    """Why and where a record was set aside. Key and value of the original travel unchanged.

    `stage` is the process that refused it, `error` a stable class name to filter by, `message`
    a sentence for people, free of the record's content.
    """

    topic: str
    partition: int
    offset: int
    stage: str
    error: str
    message: str

    def headers(self, original: Iterable[tuple[str, bytes | None]] = ()) -> list[tuple[str, bytes]]:
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
        return [(name, value.encode()) for name, value in fields.items()]

    @classmethod
    def from_headers(cls, headers: Iterable[tuple[str, bytes | None]]) -> "DeadLetter":
        """Read what `to_headers` wrote.

        Raises:
            ValueError: If a header is missing or not a number where one must be.
        """
        found = {name: (value or b"").decode(errors="replace") for name, value in headers}
        try:
            return cls(
                topic=found["dlq.topic"],
                partition=int(found["dlq.partition"]),
                offset=int(found["dlq.offset"]),
                stage=found["dlq.stage"],
                error=found["dlq.error"],
                message=found["dlq.message"],
            )
        except KeyError as error:
            raise ValueError(f"not a dead letter: header {error} is missing") from error
