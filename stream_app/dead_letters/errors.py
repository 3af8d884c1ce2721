"""What a person must do before dead letters can be dealt with."""

__all__ = ["DeadLetterError", "NotRedrivableError"]


class DeadLetterError(Exception):
    """A letter isn't there, or could not be dealt with; the message says what to do."""


class NotRedrivableError(Exception):
    """A letter that can't be sent again; the message is for a line behind its id."""
