"""Whether the worker's local state has room."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from stream_app.config import Settings
from stream_app.doctor.finding import Finding, ok, warning, wrong

__all__ = ["DiskFacts", "judge_disk", "look_at_disk"]

CHECK = "disk"
MIB = 2**20
# Each partition's store may have 16 MiB in hand, and rewrites what it has.
LEAST_FREE_BYTES = 256 * MIB
LEAST_FREE_SHARE = 0.1


@dataclass(frozen=True)
class DiskFacts:
    """The file system of the state folder, or of its nearest parent that exists."""

    folder: Path
    is_writable: bool
    free_bytes: int
    total_bytes: int


def look_at_disk(settings: Settings) -> DiskFacts:
    """Look at the state folder of this machine; nothing is written."""
    folder = settings.worker_state_dir
    existing = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    usage = shutil.disk_usage(existing)
    is_writable = os.access(existing, os.W_OK | os.X_OK)
    return DiskFacts(folder, is_writable, usage.free, usage.total)


def judge_disk(facts: DiskFacts) -> Finding:
    """Judge the room for states."""
    free = f"{facts.free_bytes // MIB} MiB of {facts.total_bytes // MIB} free for {facts.folder}"
    if not facts.is_writable:
        return wrong(CHECK, f"{facts.folder} can't be written: check STREAM_APP_STATE_DIR")
    if facts.free_bytes < LEAST_FREE_BYTES:
        return wrong(CHECK, f"{free}: the worker stops when it is full; make room")
    if facts.free_bytes < LEAST_FREE_SHARE * facts.total_bytes:
        return warning(CHECK, f"{free}: make room before it is full")
    return ok(CHECK, free)
