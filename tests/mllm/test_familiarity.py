import numpy as np
import pytest

from models.mllm.familiarity import MIN_SIMILARITY, Familiarity


def unit(*values: float) -> np.ndarray:
    row = np.array(values, dtype=np.float32)
    return row / np.linalg.norm(row)


LEARNED = np.stack([unit(1, 0, 0), unit(1, 0.2, 0), unit(0, 1, 0), unit(0, 1, 0.2)])


@pytest.mark.parametrize("kept", [False, True])
def test_what_resembles_any_group_is_known(tmp_path, kept: bool) -> None:
    familiar = Familiarity.of(LEARNED, ["hat", "hat", "coat", "coat"])
    if kept:
        familiar.write(tmp_path / "familiar.safetensors")
        familiar = Familiarity.read(tmp_path / "familiar.safetensors")
    pictures = np.stack([unit(1, 0.1, 0), unit(0, 1, 0.1), unit(0, 0, 1), unit(-1, -1, 1)])
    assert familiar.knows(pictures) == [True, True, False, False]


def test_the_nearest_centre_decides_not_their_mean() -> None:
    familiar = Familiarity.of(LEARNED, ["a", "a", "b", "b"])
    near = unit(MIN_SIMILARITY + 0.02, 0, np.sqrt(1 - (MIN_SIMILARITY + 0.02) ** 2))
    far = unit(MIN_SIMILARITY - 0.05, 0, np.sqrt(1 - (MIN_SIMILARITY - 0.05) ** 2))
    assert familiar.knows(np.stack([near, far])) == [True, False]
