"""What can be wrong with weights, in a module that costs nothing to import."""

__all__ = ["FusionError", "TooFewChoicesError"]


class FusionError(Exception):
    """Weights can't be read or learned; the message says what to do."""


class TooFewChoicesError(FusionError):
    """There is not enough to learn from; the message says what there is and what is needed."""
