"""What is to be trained, from which files, and how."""

from dataclasses import dataclass
from pathlib import Path

from models.preference import Summaries
from stream_app.finetune.negatives import Negatives

__all__ = ["Job", "TrainingSettings"]


@dataclass(frozen=True)
class TrainingSettings:
    """All that changes the adapter besides the data. `max_users` None is all.

    `summaries` and `sees_pictures` are the deployment's that it is to answer in: what it is taught
    is asked as it will be asked there.
    """

    negatives: Negatives = "both"
    max_users: int | None = None
    epochs: int = 3
    validation_share: float = 0.1
    learning_rate: float = 2e-4
    rank: int = 8
    seed: int = 7
    summaries: Summaries = "recurrent"
    sees_pictures: bool = True


@dataclass(frozen=True)
class Job:
    """Files and settings; pictures are named relative to the folder `pictures`."""

    events: Path
    items: Path
    pictures: Path
    out: Path
    bucket: str
    settings: TrainingSettings = TrainingSettings()

    @property
    def work(self) -> Path:
        """Where caches and checkpoints are kept."""
        return self.out / "work"

    @property
    def command_line(self) -> str:
        """The command that trains it again, with the names of files only."""
        settings = self.settings
        options = {
            "events": self.events.name,
            "items": self.items.name,
            "pictures": None if self.pictures == self.items.parent else self.pictures.name,
            "out": self.out.name,
            "negatives": settings.negatives,
            "max-users": settings.max_users,
            "epochs": settings.epochs,
            "validation-share": settings.validation_share,
            "learning-rate": settings.learning_rate,
            "rank": settings.rank,
            "seed": settings.seed,
        }
        told = [f"--{name} {value}" for name, value in options.items() if value is not None]
        live = {
            "STREAM_APP_SUMMARIES": settings.summaries,
            "STREAM_APP_PICTURES": str(settings.sees_pictures).lower(),
        }
        chosen = [f"{name}={value}" for name, value in live.items()]
        return " ".join([*chosen, "stream-app finetune", *told])
