"""The default model's class: SmolLM2 that sees through EfficientNet-Lite0.

transformers' LLaVA with a projector of its own, so that loading, saving, adapters and generation
are the library's.
"""

from typing import cast

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForImageTextToText,
    LlavaConfig,
    LlavaForConditionalGeneration,
    PreTrainedConfig,
)

from models.mllm.efflite import EffLiteConfig

__all__ = ["CompositeConfig", "CompositeForConditionalGeneration", "Projector"]


class CompositeConfig(LlavaConfig):
    """LLaVA's configuration, and whether anyone has taught the projector yet."""

    model_type = "efflite_llava"

    projector_trained: bool = False


class Projector(nn.Module):
    """Picture tokens to word embeddings, shape `(..., 1280)` to `(..., 576)`.

    The last norm's gain starts at the spread of the word embeddings, so that picture tokens look
    like words from the first training step; without it training didn't get off the ground.
    """

    def __init__(self, vision_size: int, text_size: int) -> None:
        super().__init__()
        self.norm_in = nn.LayerNorm(vision_size)
        self.linear_1 = nn.Linear(vision_size, text_size)
        self.act = nn.GELU()
        self.linear_2 = nn.Linear(text_size, text_size)
        self.norm_out = nn.LayerNorm(text_size)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Project the features of each token."""
        hidden: torch.Tensor = self.act(self.linear_1(self.norm_in(features)))
        projected: torch.Tensor = self.norm_out(self.linear_2(hidden))
        return projected


class CompositeForConditionalGeneration(LlavaForConditionalGeneration):
    """LLaVA with `Projector` between its two towers."""

    config_class = CompositeConfig

    def __init__(self, config: CompositeConfig) -> None:
        super().__init__(config)
        vision = cast(EffLiteConfig, config.vision_config)
        text = cast(PreTrainedConfig, config.text_config)
        self.model.multi_modal_projector = Projector(vision.hidden_size, text.hidden_size)
        self.post_init()


AutoConfig.register(CompositeConfig.model_type, CompositeConfig)
AutoModelForImageTextToText.register(CompositeConfig, CompositeForConditionalGeneration)
