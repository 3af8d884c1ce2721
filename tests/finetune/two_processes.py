"""Run by test_processes.py in each of two processes: trains, and prints what became of it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from accelerate import PartialState
from finetune.small_shop import CountingEngine, job, tiny_model
from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from stream_app.finetune.run import run_finetune


class Weights(TrainerCallback):
    """Adds up the adapter after each step: at the end all processes load the best one."""

    told: float = 0.0

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **of_trainer: object,
    ) -> None:
        model = of_trainer["model"]
        assert isinstance(model, nn.Module)
        self.told = sum(
            float(one.detach().abs().sum()) for one in model.parameters() if one.requires_grad
        )


processes = PartialState(cpu=True)
with processes.main_process_first():
    of_job = job(Path(sys.argv[1]), epochs=2)
model = tiny_model()
engine = CountingEngine(model)
weights = Weights()
run_finetune(
    of_job,
    model,
    engine,
    progress=lambda *_: None,
    tell=lambda _: None,
    callbacks=[weights],
)
# In one write: both processes print to one pipe.
sys.stdout.write(f"{processes.process_index} {weights.told:.4f} {engine.num_profiles > 0}\n")
