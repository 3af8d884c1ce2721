"""What can be wrong with a counterfactual evaluation."""

__all__ = ["CounterfactualError"]


class CounterfactualError(Exception):
    """Nothing can be told from these lists; the message says what to do."""
