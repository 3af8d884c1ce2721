"""Kafka and object storage for as long as a benchmark runs."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stream_app.config import read_settings
from stream_app.embedded.stack import Stack

__all__ = ["servers"]


@contextmanager
def servers() -> Iterator[Path]:
    """Start both and set the variables that ours find them by; yield a folder that goes at the end.

    Settings are to be read within the block.
    """
    home = read_settings().home
    with tempfile.TemporaryDirectory() as name, Stack(Path(name) / "stack", home) as stack:
        folder = Path(name)
        os.environ.update(stack.environment(), STREAM_APP_STATE_DIR=str(folder / "state"))
        yield folder
