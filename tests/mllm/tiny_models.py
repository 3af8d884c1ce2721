"""Random models of real classes, small enough to build in a test, with a tokenizer for them."""

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    MistralConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    SmolVLMConfig,
    SmolVLMForConditionalGeneration,
)

from models.mllm.load import LoadedModel

SENTENCES = [
    "Yes. No. Yes, this person likes blue hoodies and would like this item.",
    "No. Yes. Does this person want a red summer dress with a print of small flowers, or shoes?",
    "Yes No Yes No: a warm blue hoodie, a striped shirt, a wool coat, a green hat, a short skirt.",
]
CONTROL_TOKENS = ["<|end|>", "<|user|>", "<|assistant|>", "<image>", "<pad>"]
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
TEXT = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 1024,
    # Far from the library's 0.02, with which a random model answers all questions alike.
    "initializer_range": 0.5,
}


def tokenizer(sentences: list[str] = SENTENCES) -> PreTrainedTokenizerFast:
    """Train a byte-level tokenizer on a few sentences."""
    bare = Tokenizer(models.BPE())
    bare.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bare.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bare.train_from_iterator(
        sentences * 3,
        trainers.BpeTrainer(
            vocab_size=400,
            special_tokens=CONTROL_TOKENS,
            initial_alphabet=alphabet,
            show_progress=False,
        ),
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=bare,
        eos_token="<|end|>",
        pad_token="<pad>",
        additional_special_tokens=["<|user|>", "<|assistant|>", "<image>"],
    )


def processor(words: PreTrainedTokenizerFast, chat_template: str = CHAT_TEMPLATE) -> LlavaProcessor:
    """Wrap the tokenizer with a chat template and an image processor."""
    return LlavaProcessor(
        image_processor=CLIPImageProcessorPil(
            size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}
        ),
        tokenizer=words,
        patch_size=14,
        vision_feature_select_strategy="full",
        # The class token of CLIP, which is no patch.
        num_additional_image_tokens=1,
        image_token="<image>",
        chat_template=chat_template,
    )


def llava_llama(words: PreTrainedTokenizerFast) -> PreTrainedModel:
    """LLaVA over Llama."""
    return _llava(words, LlamaConfig(vocab_size=len(words), **TEXT))


def llava_mistral(words: PreTrainedTokenizerFast) -> PreTrainedModel:
    """LLaVA over Mistral, whose attention slides over the last 48 tokens."""
    return _llava(words, MistralConfig(vocab_size=len(words), sliding_window=48, **TEXT))


def qwen2_vl(words: PreTrainedTokenizerFast) -> PreTrainedModel:
    """Qwen2-VL, which counts positions in three dimensions."""
    torch.manual_seed(0)
    config = Qwen2VLConfig(
        text_config={
            "vocab_size": len(words),
            "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2]},
            **TEXT,
        },
        vision_config={"depth": 1, "embed_dim": 32, "hidden_size": 32, "num_heads": 2},
        image_token_id=words.convert_tokens_to_ids("<image>"),
    )
    return Qwen2VLForConditionalGeneration(config).eval()


def smolvlm(words: PreTrainedTokenizerFast) -> PreTrainedModel:
    """SmolVLM, of the Idefics3 family."""
    torch.manual_seed(0)
    config = SmolVLMConfig(
        text_config=LlamaConfig(vocab_size=len(words), **TEXT),
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 28,
            "patch_size": 14,
        },
        image_token_id=words.convert_tokens_to_ids("<image>"),
        scale_factor=2,
    )
    return SmolVLMForConditionalGeneration(config).eval()


FAMILIES = {"llava": llava_llama, "qwen2_vl": qwen2_vl, "smolvlm": smolvlm}


def tiny_model(family: str) -> LoadedModel:
    """A model of a family, as the engine takes it."""
    words = tokenizer()
    model = FAMILIES[family](words)
    return LoadedModel(
        model, processor(words), f"tiny-{family}", projector_trained=True, folder=None
    )


def _llava(words: PreTrainedTokenizerFast, text: LlamaConfig | MistralConfig) -> PreTrainedModel:
    torch.manual_seed(0)
    vision = CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=28,
        patch_size=14,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=words.convert_tokens_to_ids("<image>"),
        vision_feature_select_strategy="full",
        vision_feature_layer=-1,
    )
    return LlavaForConditionalGeneration(config).eval()
