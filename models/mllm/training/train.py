"""Train a LoRA adapter, and where asked the projector, by transformers' Trainer and peft."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, PeftModelForCausalLM, set_peft_model_state_dict
from sklearn.metrics import roc_auc_score
from torch.utils.data import Dataset, Sampler, SequentialSampler
from transformers import (
    EarlyStoppingCallback,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)
from transformers.trainer_utils import EvalPrediction, get_last_checkpoint

from models.errors import ModelLoadError
from models.mllm.load import LoadedModel
from models.mllm.training.loss import collate, losses
from models.mllm.training.rows import NO_TARGET, TrainingRow

__all__ = ["PROJECTOR", "Plan", "train"]

# Every linear layer of the language model; the vision tower stays as it is.
LORA_TARGETS = (
    r".*(language_model|text_model).*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
)
PROJECTOR = "multi_modal_projector"
METRIC = "auc"


@dataclass(frozen=True)
class Plan:
    """How to train; `num_epochs` times through the batches, `accumulation` of them a step.

    Validation every `evaluate_every` steps; training ends when its AUC has not risen `patience`
    times (None: at the last batch), and the best adapter is kept.
    """

    rank: int = 8
    learning_rate: float = 6e-4
    num_epochs: int = 1
    accumulation: int = 1
    evaluate_every: int = 50
    patience: int | None = 3
    warmup_steps: int = 20
    with_projector: bool = False
    seed: int = 7


class _Batches(Dataset[list[TrainingRow]]):
    def __init__(self, batches: Sequence[list[TrainingRow]]) -> None:
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, number: int) -> list[TrainingRow]:
        return self._batches[number]


class _Learner(PeftModelForCausalLM):
    """The model with its adapter; its forward pass is the loss of a batch.

    So whatever wraps it, to add up gradients over several devices say, sees all that is computed.
    """

    answers: tuple[int, int]

    def forward(self, **batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:  # type: ignore[override]  # the library's takes tokens
        """Return the loss and logit(yes) - logit(no), see `losses`."""
        return losses(self.get_base_model(), batch, self.answers)


class _PackedTrainer(Trainer):
    """transformers' Trainer for batches that are made already, in the order they are given."""

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:  # noqa: ANN401
        batches: Any = train_dataset or self.train_dataset
        return SequentialSampler(batches)

    def compute_loss(
        self,
        model: Any,  # noqa: ANN401, the library's classes are untyped
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:  # noqa: ANN401
        loss, difference = model(**inputs)
        return (loss, difference) if return_outputs else loss

    def prediction_step(
        self,
        model: Any,  # noqa: ANN401
        inputs: dict[str, torch.Tensor],
        prediction_loss_only: bool,
        ignore_keys: list[str] | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        inputs = self._prepare_inputs(inputs)
        with torch.no_grad():
            loss, difference = model(**inputs)
        targets = inputs["yes"][~inputs["yes"].isnan()]
        return loss, difference.unsqueeze(0), targets.unsqueeze(0)


def train(
    loaded: LoadedModel,
    answers: tuple[int, int],
    batches: Sequence[list[TrainingRow]],
    validation: Sequence[list[TrainingRow]],
    plan: Plan,
    folder: Path,
    *,
    callbacks: Sequence[TrainerCallback] = (),
    start: Mapping[str, torch.Tensor] | None = None,
    progress: Callable[[str], None],
) -> dict[str, float]:
    """Train on the batches and leave the best adapter in `folder`; returns its metrics.

    `start` are the weights of an adapter of the same rank to go on from, by peft's names.
    Interrupted, it goes on from the last checkpoint in `folder` when it is called again.
    The model given is wrapped by peft and trained in place. Started by `accelerate launch`, each
    process takes its share of the batches, and the first alone writes.
    """
    config = LoraConfig(
        r=plan.rank,
        lora_alpha=2 * plan.rank,
        lora_dropout=0.0,
        target_modules=LORA_TARGETS,
        modules_to_save=[PROJECTOR] if plan.with_projector else None,
        task_type="CAUSAL_LM",
    )
    torch.manual_seed(plan.seed)
    model = _Learner(loaded.model, config)
    model.answers = answers
    if start is not None:
        _go_on_from(model, start)
    arguments = TrainingArguments(
        output_dir=str(folder / "checkpoints"),
        num_train_epochs=plan.num_epochs,
        per_device_train_batch_size=1,
        per_device_eval_batch_size=1,
        gradient_accumulation_steps=plan.accumulation,
        learning_rate=plan.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=plan.warmup_steps,
        weight_decay=0.01,
        max_grad_norm=1.0,
        eval_strategy="steps",
        eval_steps=plan.evaluate_every,
        save_strategy="steps",
        save_steps=plan.evaluate_every,
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model=METRIC,
        greater_is_better=True,
        logging_steps=10,
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        label_names=["yes"],
        seed=plan.seed,
        # Patience counts on, too, where an interrupted training goes on.
        restore_callback_states_from_checkpoint=True,
        use_cpu=loaded.device.type == "cpu",
    )
    trainer = _PackedTrainer(
        model=model,
        args=arguments,
        train_dataset=_Batches(batches),
        eval_dataset=_Batches(validation),
        data_collator=lambda one: collate(one[0]),
        compute_metrics=_auc,
        callbacks=[*_early_stop(plan), *callbacks],
    )
    # It writes to stdout, where results go; `callbacks` tell how far the training is.
    trainer.remove_callback(PrinterCallback)
    checkpoint = get_last_checkpoint(str(folder / "checkpoints")) if folder.exists() else None
    if checkpoint:
        progress(f"going on from {Path(checkpoint).name}")
    trainer.train(resume_from_checkpoint=checkpoint)
    metrics = trainer.evaluate()
    if trainer.is_world_process_zero():
        model.save_pretrained(str(folder))
    return {name.removeprefix("eval_"): value for name, value in metrics.items()}


def _go_on_from(model: PeftModelForCausalLM, start: Mapping[str, torch.Tensor]) -> None:
    report: Any = set_peft_model_state_dict(model, dict(start))
    # What peft has no place for would be left out silently, and training begin with nothing.
    trainable = [
        name for name in report.missing_keys if "lora_" in name or "modules_to_save" in name
    ]
    if report.unexpected_keys or trainable:
        odd = [*report.unexpected_keys, *trainable]
        raise ModelLoadError(f"weights to go on from don't fit this model: {odd[0]}")


def _early_stop(plan: Plan) -> list[TrainerCallback]:
    return [] if plan.patience is None else [EarlyStoppingCallback(plan.patience)]


def _auc(prediction: EvalPrediction) -> dict[str, float]:
    """Return the area under the curve of "would like" (target above a half) by score."""
    scores, targets = (
        np.ravel(np.asarray(one)) for one in (prediction.predictions, prediction.label_ids)
    )
    asked = targets != NO_TARGET
    return {METRIC: float(roc_auc_score(targets[asked] > 0.5, scores[asked]))}
