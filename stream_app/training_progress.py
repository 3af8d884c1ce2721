"""How far a training is, as one line on the terminal."""

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from stream_app.show import Progress

__all__ = ["TrainingProgress"]


class TrainingProgress(TrainerCallback):
    """Tells after each step how many are done, and the newest loss and validation AUC."""

    def __init__(self, tell: Progress) -> None:
        self._tell = tell
        self._newest: dict[str, float] = {}

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **_options: object,
    ) -> None:
        """Tell."""
        told = ", ".join(f"{name} {value:.3f}" for name, value in self._newest.items())
        self._tell(f"training, {told}" if told else "training", state.global_step, state.max_steps)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_options: object,
    ) -> None:
        """Keep what is told next."""
        shown = {"loss": "loss", "eval_auc": "AUC"}
        self._newest |= {
            shown[name]: value for name, value in (logs or {}).items() if name in shown
        }
