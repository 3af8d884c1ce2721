"""A partition's state on local disk: RocksDB, rebuilt from its changelog, a compacted topic.

The changelog position lies in the same write as the states, so that a restart reads only what
came after it. The topic is the truth; the store may be thrown away at any time.
"""

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TypeVar, cast

import structlog
from rocksdict import AccessType, Options, Rdict, WriteBatch

from schemas.codec import Poison, decode
from schemas.record import Record
from stream_app.partitions.errors import StoreError

__all__ = ["PartitionStore"]

logger = structlog.get_logger(__name__)

# Keys of records have the first byte "u", so no id can meet the store's own entries.
RECORD = b"u"
POSITION = b"m:next-offset"
CHANGELOG = b"m:changelog"

WRITE_BUFFER_BYTES = 8 * 1024 * 1024
# Kafka keeps a tombstone for a day (delete.retention.ms). A store that was shut for longer may
# have missed one for good: it would bring an erased user back.
MAX_SHUT_S = 20 * 60 * 60

R = TypeVar("R", bound=Record)


class PartitionStore:
    """State records by key, with the offset on the changelog from which to read on.

    `changelog` names cluster, topic and partition: a store of another one is thrown away, and so
    is one that nobody has had open for nearly a day. What it does raises a StoreError where the
    disk is full, read-only or gone: the process has to end, and its successor restores.
    """

    def __init__(self, directory: Path, changelog: str) -> None:
        self._directory = directory
        self._changelog = changelog.encode()
        with _errors_translated(directory):
            is_old = time.time() - _last_open(directory) > MAX_SHUT_S
            self._db = _opened(directory)
            if is_old or self._db.get(CHANGELOG) != self._changelog:
                self.clear()

    @property
    def next_offset(self) -> int:
        """The first offset on the changelog that this store does not include."""
        return int(self._db.get(POSITION) or 0)

    def get(self, key: bytes) -> bytes | None:
        """Return a state record as the changelog has it, None if there is none."""
        value: bytes | None = self._db.get(RECORD + key)
        return value

    def record(self, model: type[R], key: str) -> R | None:
        """Return a state, None if there is none or it can't be read: then it is begun anew."""
        raw = self.get(key.encode())
        found = None if raw is None else decode(model, raw)
        return None if isinstance(found, Poison) else found

    def after(self, key: bytes, num: int) -> list[tuple[bytes, bytes]]:
        """Return the first `num` records behind a key, in the order of keys."""
        # The least key behind it is the key with a zero byte more.
        start = RECORD + key + b"\0" if key else RECORD
        # In raw mode there are bytes only.
        found = cast("Iterator[tuple[bytes, bytes]]", self._db.items(from_key=start))
        return [(one.removeprefix(RECORD), value) for one, value in islice(found, num)]

    def write(self, states: Mapping[bytes, bytes | None], next_offset: int) -> None:
        """Store states (None deletes) and the changelog position behind them, all or nothing.

        A position behind the present one is kept: acknowledgements may come out of order.
        """
        batch = WriteBatch(raw_mode=True)
        for key, value in states.items():
            if value is None:
                batch.delete(RECORD + key)
            else:
                batch.put(RECORD + key, value)
        batch.put(POSITION, str(max(next_offset, self.next_offset)).encode())
        with _errors_translated(self._directory):
            self._db.write(batch)

    def clear(self) -> None:
        """Forget everything, to be rebuilt from the beginning of the changelog."""
        self._db.close()
        shutil.rmtree(self._directory)
        self._db = _open(self._directory)
        self._db[CHANGELOG] = self._changelog

    def close(self) -> None:
        """Flush and release the directory's lock."""
        self._db.close()


@contextmanager
def _errors_translated(directory: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # RocksDB's errors have no class of their own
        raise StoreError(
            f"the state store {directory} can't be used: {error}; see to its disk (space, rights), "
            f"or set STREAM_APP_STATE_DIR to another one: states are restored from their topic"
        ) from error


def _last_open(directory: Path) -> float:
    """Return when RocksDB last wrote here, in seconds of the epoch; open, it does now and then."""
    files = directory.iterdir() if directory.is_dir() else ()
    return max((file.stat().st_mtime for file in files), default=0.0)


def _opened(directory: Path) -> Rdict:
    """Open the store, or a new one in place of one that RocksDB finds corrupt."""
    try:
        return _open(directory)
    except Exception as error:  # RocksDB's errors have no class of their own
        if not str(error).startswith("Corruption"):
            raise
        logger.warning("store is corrupt and is rebuilt", store=str(directory), error=str(error))
        shutil.rmtree(directory)
        return _open(directory)


def _open(directory: Path) -> Rdict:
    directory.parent.mkdir(parents=True, exist_ok=True)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(WRITE_BUFFER_BYTES)
    options.set_max_write_buffer_number(2)
    options.set_keep_log_file_num(2)
    return Rdict(str(directory), options, access_type=AccessType.read_write())
