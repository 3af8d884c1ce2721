"""Build the default model from packages: a language model, a vision tower, a text embedder.

Done once; what comes out is a directory like any other model's.
"""

import json
import shutil
from collections.abc import Callable
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch
from peft import PeftModel
from safetensors.torch import load_file
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    CLIPImageProcessorPil,
    LlamaConfig,
    LlamaForCausalLM,
    LlavaProcessor,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from models.errors import ModelLoadError
from models.mllm.composite import CompositeConfig, CompositeForConditionalGeneration
from models.mllm.efflite import EffLiteConfig
from models.mllm.load import EMBEDDER_FOLDER, MANIFEST, weights_hash
from models.mllm.packages import EFFLITE, MINILM, SMOLLM2, package_folder
from models.mllm.quiet import quiet
from models.mllm.trained import FAMILIAR, PROJECTOR_WEIGHTS, TRAINED, trained_id

__all__ = ["assemble"]

NAME = "smollm2-135m+efflite0"
IMAGE_TOKEN = "<image>"  # noqa: S105, a token of a vocabulary
END_OF_TURN = "<|im_end|>"

# One more token than SmolLM2 has, rounded up to a multiple of 64, which matrix products like.
VOCAB_SIZE = 49_216

# The language model's own template knows no pictures, and adds a system prompt to each question.
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>\n{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

# What the tower was trained with: values in [-1, 1], and no picture is enlarged at its edges.
PIXEL_MEAN = 0.498
PIXEL_STD = 0.502

SEED = 20_240_819


def assemble(out: Path, *, trained: Path | None = TRAINED, progress: Callable[[str], None]) -> None:
    """Write the default model to `out`, about 650 MB; takes half a minute.

    It appears whole or not at all: it is written beside `out` and renamed. The same packages
    give the same weights.

    Args:
        out: A directory that doesn't exist yet.
        trained: A folder with the trained projector and adapter; None for a model that is yet to
            be trained.
        progress: Is told what happens, one line for each part.

    Raises:
        ModelLoadError: If `out` exists, or a package is missing.
    """
    if out.exists():
        raise ModelLoadError(f"{out} exists; remove it to assemble the default model anew")
    language, vision, embedder = map(package_folder, (SMOLLM2, EFFLITE, MINILM))
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = out.with_name(f".{out.name}-{uuid4().hex[:8]}")
    try:
        # gguf's reader has a progress bar of its own.
        with quiet(), redirect_stderr(StringIO()):
            _write(unfinished, language, vision, embedder, trained, progress)
        unfinished.rename(out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    progress(f"Default model: {out}")


def _write(
    out: Path,
    language: Path,
    vision: Path,
    embedder: Path,
    trained: Path | None,
    progress: Callable[[str], None],
) -> None:
    progress("Language model: SmolLM2-135M-Instruct")
    gguf = _only(language, "*.gguf")
    tokenizer = _tokenizer(gguf)
    language_model = _language_model(gguf)
    progress("Vision tower: EfficientNet-Lite0")
    vision_config = EffLiteConfig()
    image_token_id: Any = tokenizer.convert_tokens_to_ids(IMAGE_TOKEN)
    model = _composite(vision_config, language_model, image_token_id)
    _load_vision(model, _only(vision, "models/*.pth"))
    if trained is None:
        _start_projector(model)
    else:
        progress(f"What it was taught: {trained_id(trained)}")
        model = _taught(model, trained)
        out.mkdir()
        shutil.copy(trained / FAMILIAR, out)
    model.save_pretrained(out)
    _processor(tokenizer, vision_config).save_pretrained(out)
    progress("Text embedder: all-MiniLM-L6-v2")
    shutil.copytree(embedder / "model", out / EMBEDDER_FOLDER)
    manifest = {
        "name": f"{NAME}@{weights_hash(out)}",
        "projector_trained": model.config.projector_trained,
    }
    (out / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
    for path in out.rglob("*.safetensors"):
        # Written for its owner alone; a worker may run as someone else.
        path.chmod(0o644)


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise ModelLoadError(
            f"{len(found)} files {pattern} in {folder}, expected 1; install that package anew"
        )
    return found[0]


def _tokenizer(gguf: Path) -> PreTrainedTokenizerBase:
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    # The file names the start of a turn as its end.
    tokenizer.eos_token = END_OF_TURN
    tokenizer.pad_token = END_OF_TURN
    tokenizer.add_special_tokens({"additional_special_tokens": [IMAGE_TOKEN]})
    return tokenizer


def _language_model(gguf: Path) -> LlamaForCausalLM:
    """Return the model with plain weights; one read from gguf can't be saved."""
    read = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32
    )
    shape = read.config.to_dict()
    for name in ("quantization_config", "_name_or_path", "_model_name_or_path", "architectures"):
        shape.pop(name, None)
    plain: Any = LlamaForCausalLM(LlamaConfig(**shape))
    plain.load_state_dict(read.state_dict())
    plain.generation_config = read.generation_config
    plain.resize_token_embeddings(VOCAB_SIZE, mean_resizing=False)
    # New rows are random; no text reaches them, so the same for everyone is best.
    embeddings: Any = plain.get_input_embeddings()
    embeddings.weight.data[read.config.vocab_size :] = 0.0
    return plain


def _composite(
    vision: EffLiteConfig, language_model: LlamaForCausalLM, image_token_id: int
) -> CompositeForConditionalGeneration:
    model = CompositeForConditionalGeneration(
        CompositeConfig(
            vision_config=vision,
            text_config=language_model.config,
            image_token_index=image_token_id,
            image_seq_length=vision.grid_size**2,
            vision_feature_select_strategy="full",
            vision_feature_layer=-1,
            tie_word_embeddings=True,
        )
    )
    model.model.language_model.load_state_dict(language_model.model.state_dict())
    model.tie_weights()
    model.generation_config = language_model.generation_config
    return model.eval()


def _load_vision(model: PreTrainedModel, weights: Path) -> None:
    tensors = torch.load(weights, weights_only=True)
    trunk = {name: value for name, value in tensors.items() if not name.startswith("_fc")}
    model.model.vision_tower.trunk.load_state_dict(trunk)


def _start_projector(model: CompositeForConditionalGeneration) -> None:
    projector = model.model.multi_modal_projector
    generator = torch.Generator().manual_seed(SEED)
    for linear in (projector.linear_1, projector.linear_2):
        nn.init.xavier_normal_(linear.weight, generator=generator)
        nn.init.zeros_(linear.bias)
    embeddings: Any = model.get_input_embeddings()
    spread = embeddings.weight[: model.config.image_token_id].std().item()
    nn.init.constant_(projector.norm_out.weight, spread)


def _taught(
    model: CompositeForConditionalGeneration, trained: Path
) -> CompositeForConditionalGeneration:
    """Return the model with the trained projector, and the adapter merged into its weights."""
    model.model.multi_modal_projector.load_state_dict(load_file(trained / PROJECTOR_WEIGHTS))
    model.config.projector_trained = True
    adapted: Any = PeftModel.from_pretrained(model, str(trained))
    # As layers of its own the adapter would cost a tenth of the speed.
    merged: CompositeForConditionalGeneration = adapted.merge_and_unload()
    return merged


def _processor(tokenizer: PreTrainedTokenizerBase, vision: EffLiteConfig) -> LlavaProcessor:
    side = vision.image_size
    return LlavaProcessor(
        image_processor=CLIPImageProcessorPil(
            size={"shortest_edge": side},
            crop_size={"height": side, "width": side},
            image_mean=[PIXEL_MEAN] * 3,
            image_std=[PIXEL_STD] * 3,
        ),
        tokenizer=tokenizer,
        patch_size=vision.patch_size,
        vision_feature_select_strategy="full",
        num_additional_image_tokens=0,
        image_token=IMAGE_TOKEN,
        chat_template=CHAT_TEMPLATE,
    )
