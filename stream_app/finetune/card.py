"""The model card of an adapter: what it was trained on, how, and how well it does."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from schemas.versions import Versions
from stream_app.finetune.evaluation import Quality
from stream_app.finetune.job import Job
from stream_app.offline.sources import Sources

__all__ = ["Report", "card"]

HEAD = """---
library_name: peft
tags:
- lora
- recommendation
- stream-app
---
"""


@dataclass(frozen=True)
class Report:
    """All that there is to tell of a training; pairs are of one liked item and one negative."""

    job: Job
    versions: Versions
    sources: Sources
    cut: datetime
    num_users: int
    num_pairs: int
    num_validation_users: int
    num_validation_pairs: int
    before: Quality
    after: Quality
    most_popular: Quality

    @property
    def metrics(self) -> dict[str, float]:
        """Numbers only, as `stream-app adapters release --metrics` takes them."""
        return {
            "auc": self.after.auc,
            "gauc": self.after.gauc,
            "base_auc": self.before.auc,
            "base_gauc": self.before.gauc,
            "mostpop_auc": self.most_popular.auc,
            "mostpop_gauc": self.most_popular.gauc,
            "num_users": self.num_users,
            "num_pairs": self.num_pairs,
            "num_validation_users": self.num_validation_users,
            "num_validation_pairs": self.num_validation_pairs,
        }

    @property
    def training(self) -> dict[str, Any]:
        """How to train it again."""
        return {
            "base": self.versions.model,
            "prompt": self.versions.prompt,
            "settings": asdict(self.job.settings),
            "events_sha256": self.sources.events_sha256,
            "items_sha256": self.sources.items_sha256,
            "cut": self.cut.isoformat(),
            "newest_event": self.sources.events[-1].occurred_at.isoformat(),
        }

    @property
    def verdict(self) -> str:
        """Whether it is worth a release, in a sentence."""
        gain = self.after.auc - self.before.auc
        if gain <= 0:
            return (
                f"No better than the base model on what came later (AUC {gain:+.3f}): don't "
                f"release it; a longer log or more users may help."
            )
        if self.after.auc <= self.most_popular.auc:
            return f"Better than the base model (AUC {gain:+.3f}), not than popularity alone."
        return f"Better than the base model (AUC {gain:+.3f}) and than popularity alone."


def card(report: Report) -> str:
    """Return the card as Markdown; it names files, never folders, and no time but the log's."""
    job, settings, sources = report.job, report.job.settings, report.sources
    rows = [
        ("this adapter", report.after),
        ("base model", report.before),
        ("MostPop, counted in what was learned", report.most_popular),
    ]
    table = "\n".join(f"| {name} | {one.auc:.4f} | {one.gauc:.4f} |" for name, one in rows)
    return f"""{HEAD}
# LoRA adapter for {report.versions.model}

Says "Yes" or "No" to a user's next item, for stream-app with prompts {report.versions.prompt}.
{report.verdict}

| pairs after {report.cut:%Y-%m-%d %H:%M:%S %Z} | AUC | GAUC |
|---|---|---|
{table}

{report.num_validation_pairs} pairs of {report.num_validation_users} users, none of whose events
after that time were learned; GAUC is each user's own AUC, weighted by positives. Each pair is an
item that a user came to like and one drawn from those that existed by then and that the user had
not met ({settings.negatives}): figures for other negatives are not comparable. The best of the
checkpoints was chosen on the same pairs, which flatters this adapter a little and neither of the
others.

| | |
|---|---|
| log | `{job.events.name}`, sha256 `{sources.events_sha256}` |
| catalogue | `{job.items.name}`, sha256 `{sources.items_sha256}` |
| events, items | {len(sources.events)}, {len(sources.items)} |
| newest event | {sources.events[-1].occurred_at.isoformat()} |
| users learned from | {report.num_users} |
| pairs learned from | {report.num_pairs} |
| base model | {report.versions.model} |
| prompts | {report.versions.prompt} |
| settings | {", ".join(f"{name} {value}" for name, value in asdict(settings).items())} |

    {job.command_line}
"""
