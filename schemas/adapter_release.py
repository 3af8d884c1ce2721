"""New fine-tuned weights, announced to every worker."""

from typing import Literal

from schemas.item import ImageLocation as ObjectLocation
from schemas.release import Release

__all__ = ["AdapterRelease"]


class AdapterRelease(Release):
    """Where an adapter's safetensors lie and who gets it; `sha256` is the file's.

    `base` and `prompt` are the model and the prompts that it was trained with.
    """

    schema_version: Literal[1] = 1
    location: ObjectLocation
    base: str | None = None
    prompt: str | None = None
