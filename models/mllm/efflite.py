"""EfficientNet-Lite0 as a vision tower that transformers' LLaVA classes can hold.

Nine tokens for a picture: the cost of looking is counted in image tokens, and a 3x3 grid still
tells a collar from a hem.

Source: EfficientNet, arXiv 1905.11946; "Lite" leaves out squeeze-and-excitation and swish.
"""

import math
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

__all__ = ["EffLiteConfig", "EffLiteModel"]

# The tower ends in a ReLU6: no feature is above.
CEILING = 6.0


class EffLiteConfig(PreTrainedConfig):
    """Shape of the tower: `grid_size` squared tokens of `hidden_size` values."""

    model_type = "efflite"

    hidden_size: int = 1280
    image_size: int = 224
    grid_size: int = 3

    @property
    def patch_size(self) -> int:
        """Side in pixels by which a processor counts the tokens of a picture."""
        return self.image_size // self.grid_size


class EffLiteModel(PreTrainedModel):
    """Pictures, shape `(batch, 3, 224, 224)`, to tokens, shape `(batch, 9, 1280)`."""

    config_class = EffLiteConfig
    main_input_name = "pixel_values"
    input_modalities = ["image"]
    _no_split_modules = []
    # There is no attention in it, so each implementation that the language model may ask for fits.
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True

    def __init__(self, config: EffLiteConfig) -> None:
        super().__init__(config)
        # Only the default model needs this package; other models load without it.
        from efficientnet_lite_pytorch import EfficientNet

        self.trunk = EfficientNet.from_name("efficientnet-lite0")
        self.trunk._fc = nn.Identity()
        self.post_init()

    def forward(self, pixel_values: torch.Tensor, **_options: object) -> BaseModelOutput:
        """Return the grid's tokens, row by row."""
        features = self.trunk.extract_features(pixel_values)
        cells = nn.functional.adaptive_avg_pool2d(features, self.config.grid_size)
        tokens: Any = cells.flatten(2).transpose(1, 2)
        return BaseModelOutput(last_hidden_state=tokens, hidden_states=(tokens, tokens))

    def typical_features(self) -> torch.Tensor:
        """Return what each feature is on average over the pictures it was trained on, `(1280,)`.

        The last batch normalisation knows mean and spread before the clipping at 0 and 6; the
        mean after it follows for normally distributed values, so no data is needed.
        """
        norm = self.trunk._bn1
        mean, spread = norm.bias.float(), norm.weight.float().abs()
        return _mean_above(0.0, mean, spread) - _mean_above(CEILING, mean, spread)

    def _init_weights(self, module: nn.Module) -> None:
        """Leave the weights alone: they are always loaded."""


def _mean_above(floor: float, mean: torch.Tensor, spread: torch.Tensor) -> torch.Tensor:
    """Return E[max(x - floor, 0)] of a normal x."""
    z = (mean - floor) / spread
    density = torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)
    return (mean - floor) * torch.special.ndtr(z) + spread * density


AutoConfig.register("efflite", EffLiteConfig)
AutoModel.register(EffLiteConfig, EffLiteModel)
