"""Weights as a worker reads them."""

import pytest

from models.fusion import FEATURES, Fusion
from schemas.fusion_weights import FusionStage, FusionWeights
from stream_app.fusion.errors import FusionError
from stream_app.fusion.file import blend_of, write_weights


def weights(*features: str) -> FusionWeights:
    zeros = tuple(0.0 for _ in features)
    stage = FusionStage(
        min_events=0, intercept=0, weights=zeros, prior_intercept=0, prior_weights=zeros
    )
    return FusionWeights(name="w", features=features, stages=(stage,))


def test_what_was_written_is_read(tmp_path) -> None:
    path = tmp_path / "fusion.json"
    write_weights(path, weights(*FEATURES))
    found = blend_of(path)
    assert isinstance(found, Fusion)
    assert found.name == "w"
    assert blend_of(None).name == "even"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "can't be read: No such file"),
        (b"[]", r"FusionWeights: .*--learn-fusion` makes one"),
        (b" " * 70_000, "more than 65536 bytes"),
    ],
)
def test_what_is_none_is_refused_by_name(tmp_path, content, said) -> None:
    path = tmp_path / "fusion.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FusionError, match=said) as raised:
        blend_of(path)
    assert str(path) in str(raised.value)


def test_weights_of_another_version_are_refused(tmp_path) -> None:
    path = tmp_path / "fusion.json"
    write_weights(path, weights("charm"))
    with pytest.raises(FusionError, match="learn them anew"):
        blend_of(path)
