"""By which weights and which prompts something was made."""

from pydantic import Field

from schemas.record import Record

__all__ = ["Versions"]


class Versions(Record):
    """Names of the model, the adapter (None: the base weights), the prompts and the fusion.

    `fusion` are the weights of a ranking's final score, None where model and sources count alike,
    and in all that is no ranking. Two outputs with equal versions and equal inputs are equal.
    """

    model: str
    prompt: str
    adapter: str | None = None
    # Left out where there is none: records, and hashes made of versions, stay as they were.
    fusion: str | None = Field(default=None, exclude_if=lambda name: name is None)
