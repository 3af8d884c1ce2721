"""What a person asks of `stream-app replay`, and all that its answers depend on."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from schemas.codec import encode
from schemas.interaction import Interaction
from stream_app.config import Settings
from stream_app.offline.cache import digest
from stream_app.offline.files import LogFiles
from stream_app.offline.sources import Sources
from stream_app.replay.ablations import Ablation
from stream_app.replay.errors import ReplayError
from stream_app.replay.journal import Header
from stream_app.replay.part import Part
from stream_app.replay.protocols import Sample, cut_position, paper, prequential, temporal
from stream_app.replay.queries import Query
from stream_app.replay.run import Replayed

__all__ = ["Job", "Protocol", "Seen", "header_of"]


Protocol = Literal["prequential", "temporal", "paper"]
# Whether lists leave out all that a user has met, or the newest 16 and 200 bought, rated or
# disliked, which is what a state remembers.
Seen = Literal["all", "as-live"]

# Of the header: another number where the same options would give other bytes.
FORMAT = 1


@dataclass(frozen=True)
class Job:
    """Which log is replayed, by which protocol, and where the answers go.

    With `learns_fusion` the weights of the final score are learned from before the cut. The same
    is answered `without` some parts, for comparison; `timelines` are ids of users whom the report
    shows event by event, by default those who were asked about most. With `through_kafka` the lists
    come from topics and processes; `speed` is then how many times as fast as the log's clock events
    are sent, None flat out.
    """

    files: LogFiles
    protocol: Protocol
    out: Path
    sample: Sample
    test_share: float
    learns_fusion: bool = False
    without: Sequence[Ablation] = ()
    timelines: Sequence[str] = ()
    part: Part = field(default_factory=Part)
    seen: Seen = "all"
    through_kafka: bool = False
    speed: float | None = None

    def cut(self, log: Sequence[Interaction]) -> int | None:
        """Return how many events may be learned from, None where learning goes on as live."""
        if self.protocol == "prequential":
            return None
        return cut_position(log, test_share=self.test_share)

    def learnable(self, log: Sequence[Interaction]) -> int:
        """Return how many events weights may be learned from, whatever else goes on as live."""
        return cut_position(log, test_share=self.test_share)

    def queries(self, sources: Sources) -> list[Query]:
        """Return what is asked of the log.

        Raises:
            ReplayError: If there is nothing to ask.
        """
        log = sources.events
        if self.protocol == "prequential":
            begins = self.learnable(log) if self.learns_fusion else 0
            queries = prequential(log, self.sample, begins=begins)
        elif self.protocol == "temporal":
            queries = temporal(log, self.sample, test_share=self.test_share)
        else:
            queries = paper(log, sources.items, self.sample, test_share=self.test_share)
        if not queries:
            raise ReplayError(
                f"none of {len(log)} events can be asked about: a query is a view, a click, a "
                f"like, a purchase, or a rating above 2.5 of 5, that is a user's first of its item "
                f"and, but for `prequential`, among the newest part of the log: see --test-share"
            )
        return queries


def header_of(
    job: Job, settings: Settings, by: Replayed, sources: Sources, queries: Sequence[Query]
) -> Header:
    """Return all that the answers depend on."""
    versions = by.engine.versions
    read = sorted(by.profiles)
    asked = [(query.query_id, query.position, query.candidates) for query in queries]
    return {
        "format": FORMAT,
        "stream_app": version("stream-app"),
        "model": versions.model,
        "prompt": versions.prompt,
        "log_sha256": sources.events_sha256,
        "items_sha256": sources.items_sha256,
        "protocol": job.protocol,
        "users": job.sample.num_users,
        "queries_per_user": job.sample.queries_per_user,
        "test_share": None if job.protocol == "prequential" else job.test_share,
        "seed": job.sample.seed,
        "num_candidates": by.options.num_candidates,
        "summaries": by.options.summaries,
        "ranked_by": by.ranked_by,
        "blend": by.options.blend.name,
        "signals": by.signals,
        "signals_half_life_days": settings.signals_half_life_days,
        "pictures": settings.pictures,
        **job.part.facts,
        "seen": job.seen,
        "through": "kafka" if job.through_kafka else "step",
        "max_batch_events": by.max_turns,
        "queries": digest(asked),
        "profiles": digest(*(encode(by.profiles[item_id]).decode() for item_id in read)),
    }
