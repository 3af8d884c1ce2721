"""Adapters for tiny models: random ones, and ones that were trained on a task for a few steps."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model_state_dict

from models.mllm.adapter_file import Adapter
from models.mllm.chat import tokenize
from models.mllm.load import LoadedModel
from models.mllm.prompts import PROMPT_VERSION
from models.mllm.scoring import answer_ids

TARGETS = r".*(language|text)_model.*\.(q_proj|v_proj|down_proj)"
MLP = r".*(language|text)_model.*\.(up_proj|down_proj)"
SMALL_LOSS = 0.02
# A question and whether its answer is yes.
Task = Sequence[tuple[str, bool]]


def random_adapter(loaded: LoadedModel, *, seed: int = 1, size: float = 0.1, **config: Any):
    """Matrices of normal numbers: an adapter that changes every answer a little."""
    wrapped = _wrapped(loaded, **config)
    torch.manual_seed(seed)
    tensors = {
        name: size * torch.randn_like(tensor)
        for name, tensor in get_peft_model_state_dict(wrapped).items()
    }
    return _adapter(loaded, wrapped, tensors)


def wrong_answers(loaded: LoadedModel, questions: Sequence[str]) -> Task:
    """A task that the base weights fail in every question."""
    asked = [(question, True) for question in questions]
    return [
        (question, difference < 0)
        for question, difference in zip(questions, _differences(loaded, asked), strict=True)
    ]


def trained_adapter(loaded: LoadedModel, task: Task) -> Adapter:
    """An adapter by which the model answers the task's questions, trained in a few steps."""
    torch.manual_seed(0)
    wrapped = _wrapped(loaded, r=8, target_modules=MLP)
    optimiser = torch.optim.Adam([one for one in wrapped.parameters() if one.requires_grad], 0.01)
    loss = torch.tensor(1.0)
    while loss.item() > SMALL_LOSS:
        differences = torch.stack(
            [_difference(loaded, wrapped(input_ids=ids).logits) for ids in _tokens(loaded, task)]
        )
        labels = torch.tensor([float(answer) for _, answer in task])
        loss = torch.nn.functional.binary_cross_entropy_with_logits(differences, labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    tensors = {
        name: tensor.detach().clone() for name, tensor in get_peft_model_state_dict(wrapped).items()
    }
    return _adapter(loaded, wrapped, tensors)


def num_right(loaded: LoadedModel, task: Task) -> int:
    """Of the task's questions, those that the model as it is now answers rightly."""
    found = _differences(loaded, task)
    return sum((one > 0) is answer for one, (_, answer) in zip(found, task, strict=True))


@torch.inference_mode()
def _differences(loaded: LoadedModel, task: Task) -> list[float]:
    return [
        _difference(loaded, loaded.model(input_ids=ids).logits).item()
        for ids in _tokens(loaded, task)
    ]


def _difference(loaded: LoadedModel, logits: torch.Tensor) -> torch.Tensor:
    yes, no = answer_ids(loaded.processor)
    return logits[0, -1, yes] - logits[0, -1, no]


def _tokens(loaded: LoadedModel, task: Task) -> list[torch.Tensor]:
    texts = [f"<|user|>{question}<|end|><|assistant|>" for question, _ in task]
    return [torch.tensor([ids]) for ids in tokenize(loaded.tokenizer, texts)]


def _wrapped(loaded: LoadedModel, **config: Any) -> Any:
    options = {"r": 4, "lora_alpha": 8, "target_modules": TARGETS, **config}
    # A copy: peft changes the model in place, and it may hold adapters already.
    return PeftModel(deepcopy(loaded.model), LoraConfig(**options))


def _adapter(loaded: LoadedModel, wrapped: Any, tensors: dict[str, torch.Tensor]) -> Adapter:
    config = wrapped.peft_config["default"].to_dict()
    target = config["target_modules"]
    config["target_modules"] = target if isinstance(target, str) else sorted(target)
    plain = {name: getattr(value, "value", value) for name, value in config.items()}
    return Adapter(tensors, plain, base=loaded.name, prompt=PROMPT_VERSION)
