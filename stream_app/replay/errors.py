"""What can be wrong with an offline evaluation.

ReplayError: a person has to change something before there can be one.
└── LeakError: an answer would rest on what could not be known.
"""

__all__ = ["LeakError", "ReplayError"]


class ReplayError(Exception):
    """The log, the options or the folder can't be replayed with; the message says what to do."""


class LeakError(ReplayError):
    """A query, or its candidates, tells something of the future."""
