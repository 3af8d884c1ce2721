"""New weights of the final score, announced to every worker."""

from typing import Literal

from schemas.fusion_weights import FusionWeights
from schemas.release import Release

__all__ = ["FusionRelease"]


class FusionRelease(Release):
    """Weights and who gets them: a few kilobytes, so the record has them whole."""

    schema_version: Literal[1] = 1
    weights: FusionWeights
