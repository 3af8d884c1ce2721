"""What ends a process with local state, as the command line shows it."""

__all__ = ["StoreError"]


class StoreError(Exception):
    """A store can't be opened or written; the message names it, and what to do."""
