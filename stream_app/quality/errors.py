"""What keeps the quality of lists from being shown."""

__all__ = ["QualityError"]


class QualityError(Exception):
    """There is nothing to show, or something is missing; the message says what to do."""
