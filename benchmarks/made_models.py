"""Models of a published shape with random weights: their speed is that of trained ones."""

import torch
from transformers import (
    AutoModelForImageTextToText,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    PreTrainedModel,
)

__all__ = ["SHAPES", "random_llava"]

# "8b": Llama 3's 8B behind CLIP ViT-L/14 at 336 pixels, 576 tokens a picture, as in LLaVA 1.5.
SHAPES = {
    "8b": (
        {
            "hidden_size": 4096,
            "intermediate_size": 14336,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "vocab_size": 128_320,
            "max_position_embeddings": 8192,
        },
        {
            "hidden_size": 1024,
            "intermediate_size": 4096,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "image_size": 336,
            "patch_size": 14,
        },
    ),
    "tiny": (
        {
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "vocab_size": 512,
            "max_position_embeddings": 8192,
        },
        {
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "image_size": 28,
            "patch_size": 14,
        },
    ),
}


def random_llava(shape: str, device: torch.device, dtype: torch.dtype) -> PreTrainedModel:
    """Return a LLaVA of this shape; its weights are made where it runs."""
    text, vision = SHAPES[shape]
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(**vision),
        text_config=LlamaConfig(**text),
        image_token_index=text["vocab_size"] - 1,
        image_seq_length=(vision["image_size"] // vision["patch_size"]) ** 2,
    )
    with device:
        return AutoModelForImageTextToText.from_config(config, dtype=dtype).eval()
