"""New fine-tuned weights, announced to every worker."""

from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from schemas.item import ImageLocation as ObjectLocation
from schemas.record import Id, Record

__all__ = ["AdapterRelease"]


class AdapterRelease(Record):
    """Where an adapter's safetensors lie and who gets it, keyed by `name`; null withdraws it.

    `share` is the part of users, in `[0, 1]`, that the adapter answers for. `base` and `prompt` are
    the model and the prompts that it was trained with. `previous` is what a rollback restores, and
    what a worker takes that can't use this one: of the same name, and with one before it as well.
    """

    schema_version: Literal[1] = 1
    name: Id
    location: ObjectLocation
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    metrics: dict[str, float] = {}
    share: float = Field(ge=0, le=1)
    released_at: AwareDatetime
    base: str | None = None
    prompt: str | None = None
    previous: Self | None = None

    @model_validator(mode="after")
    def _goes_back_by_one_name(self) -> Self:
        if self.previous is not None and self.previous.name != self.name:
            raise ValueError(f"previous is of {self.previous.name}, not of {self.name}")
        return self
