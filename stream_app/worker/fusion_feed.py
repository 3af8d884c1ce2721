"""fusion-weights topic -> whose candidates are ranked by which weights."""

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from models.fusion import Blend, Fusion
from models.releases import assigned, release_id
from schemas.codec import Poison
from schemas.fusion_release import FusionRelease
from stream_app.releases import FUSION

__all__ = ["FusionFeed"]

logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Live:
    share: float
    blend: Fusion


class FusionFeed:
    """Follows the releases; knows by which weights a user's candidates are ranked.

    What fits this version answers from the next event on: there is nothing to fetch or to load.
    """

    def __init__(self) -> None:
        # Put in place whole: the engine's thread reads it while the event loop follows the topic.
        self._live: Mapping[str, _Live] = {}

    def blend_of(self, user_id: str) -> Blend | None:
        """Return the released weights that answer for a user, None where there are none."""
        live = self._live
        name = assigned(user_id, {name: one.share for name, one in live.items()}, of="fusion")
        return None if name is None else live[name].blend

    def add(self, name: str, value: bytes | None) -> None:
        """Take a record of the topic; a null value withdraws the weights."""
        release = None if value is None else FUSION.read(name, value)
        if isinstance(release, Poison):
            logger.error("fusion release not readable", weights=name, error=release.reason)
        elif release is None:
            self._live = {other: one for other, one in self._live.items() if other != name}
            logger.info("weights withdrawn", weights=name)
        else:
            self._take(release)

    def _take(self, release: FusionRelease) -> None:
        """Use the first that fits of a release and those before it.

        Also where the one before is in use: a worker that begins now has never seen it, and all
        shall answer alike.
        """
        one: FusionRelease | None = release
        while one is not None:
            try:
                blend = Fusion(one.weights, release_id(one))
            except ValueError as error:
                _refuse(one, error)
                one = one.previous
            else:
                self._live = {**self._live, one.name: _Live(one.share, blend)}
                logger.info("weights in use", weights=blend.name, share=one.share)
                return


def _refuse(release: FusionRelease, error: ValueError) -> None:
    logger.error("weights refused", weights=release_id(release), error=str(error))
