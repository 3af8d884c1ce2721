"""By which weights and which prompts something was made."""

from schemas.record import Record

__all__ = ["Versions"]


class Versions(Record):
    """Names of the model, the adapter (None: the base weights) and the prompts.

    Two outputs with equal versions and equal inputs are equal.
    """

    model: str
    prompt: str
    adapter: str | None = None
