"""What a person must change before there can be an adapter."""

__all__ = ["FinetuneError"]


class FinetuneError(Exception):
    """The log, the catalogue or the folder can't be trained with; the message says what to do."""
