"""A file of weights -> the topic that tells workers of them."""

from hashlib import sha256
from pathlib import Path

from schemas.codec import encode
from schemas.fusion_release import FusionRelease
from stream_app.config import Settings
from stream_app.fusion.file import read_weights
from stream_app.releases import FUSION, now

__all__ = ["release"]


async def release(
    settings: Settings, path: Path, *, name: str, share: float, metrics: dict[str, float]
) -> FusionRelease:
    """Announce a file's weights, in place of the name's release before.

    Raises:
        FusionError: If the file, the name or the share can't be; nothing is announced then.
        KafkaError: If the broker can't be reached.
    """
    weights = read_weights(path)
    before = await FUSION.before(settings, name, share)
    announced = FusionRelease(
        name=name,
        sha256=sha256(encode(weights)).hexdigest(),
        metrics=metrics,
        share=share,
        released_at=now(),
        previous=before,
        weights=weights,
    )
    await FUSION.announce(settings, announced)
    return announced
