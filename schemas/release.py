"""What all that is released to a share of the users has in common."""

from typing import Annotated, Self

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from schemas.record import Id, Record

__all__ = ["Release"]


class Release(Record):
    """Something that answers for a part of the users, keyed by `name`; null withdraws it.

    `share` is that part, in `[0, 1]`. `sha256` is of what is released: names in outputs end in its
    first digits. `previous` is what a rollback restores, and what a worker takes that can't use
    this one: of the same name, and with one before it as well.
    """

    name: Id
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    metrics: dict[str, float] = {}
    share: float = Field(ge=0, le=1)
    released_at: AwareDatetime
    previous: Self | None = None

    @model_validator(mode="after")
    def _goes_back_by_one_name(self) -> Self:
        if self.previous is not None and self.previous.name != self.name:
            raise ValueError(f"previous is of {self.previous.name}, not of {self.name}")
        return self
