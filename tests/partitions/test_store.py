import os
import subprocess
import sys
import time
from pathlib import Path

from stream_app.partitions.store import MAX_SHUT_S, PartitionStore


def test_states_and_position_survive_a_restart(tmp_path: Path) -> None:
    store = PartitionStore(tmp_path / "s", "user-preferences-0")
    store.write({b"ada": b"1", b"bob": b"2"}, next_offset=7)
    store.write({b"bob": None}, next_offset=9)
    store.close()
    again = PartitionStore(tmp_path / "s", "user-preferences-0")
    assert (again.get(b"ada"), again.get(b"bob"), again.next_offset) == (b"1", None, 9)


def test_the_position_never_runs_back(tmp_path: Path) -> None:
    store = PartitionStore(tmp_path / "s", "user-preferences-0")
    store.write({b"ada": b"1"}, next_offset=9)
    store.write({b"bob": b"2"}, next_offset=8)
    assert store.next_offset == 9


def test_a_store_of_another_changelog_is_thrown_away(tmp_path: Path) -> None:
    store = PartitionStore(tmp_path / "s", "user-preferences-0")
    store.write({b"ada": b"1"}, next_offset=7)
    store.close()
    other = PartitionStore(tmp_path / "s", "user-preferences-1")
    assert (other.get(b"ada"), other.next_offset) == (None, 0)


def test_a_store_that_may_have_missed_an_erasure_is_thrown_away(tmp_path: Path) -> None:
    store = PartitionStore(tmp_path / "s", "user-preferences-0")
    store.write({b"ada": b"1"}, next_offset=7)
    store.close()
    for file in (tmp_path / "s").iterdir():
        os.utime(file, times=(0, time.time() - MAX_SHUT_S - 60))
    again = PartitionStore(tmp_path / "s", "user-preferences-0")
    assert (again.get(b"ada"), again.next_offset) == (None, 0)


def test_a_corrupt_store_is_thrown_away(tmp_path: Path) -> None:
    store = PartitionStore(tmp_path / "s", "user-preferences-0")
    store.write({b"ada": b"1"}, next_offset=7)
    store.close()
    (tmp_path / "s" / "CURRENT").write_text("garbage\n")
    again = PartitionStore(tmp_path / "s", "user-preferences-0")
    assert (again.get(b"ada"), again.next_offset) == (None, 0)


def test_a_user_can_have_the_name_of_the_stores_own_entries(tmp_path: Path) -> None:
    store = PartitionStore(tmp_path / "s", "user-preferences-0")
    store.write({b"m:next-offset": b"1", b"": b"2"}, next_offset=7)
    assert (store.get(b"m:next-offset"), store.get(b""), store.next_offset) == (b"1", b"2", 7)


def test_records_are_gone_through_in_the_order_of_their_keys(tmp_path: Path) -> None:
    store = PartitionStore(tmp_path / "s", "item-signals-0")
    store.write({b"b": b"2", b"a": b"1", b"ab": b"3"}, next_offset=7)
    assert store.after(b"", 2) == [(b"a", b"1"), (b"ab", b"3")]
    assert store.after(b"ab", 2) == [(b"b", b"2")]
    assert store.after(b"b", 2) == []


FULL_DISK = """
import resource, sys
from pathlib import Path
from stream_app.partitions.errors import StoreError
from stream_app.partitions.store import PartitionStore
store = PartitionStore(Path(sys.argv[1]) / "s", "user-preferences-0")
store.write({b"ada": b"1"}, next_offset=7)
# No file may grow beyond it, as none can on a full disk.
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    for number in range(100):
        store.write({b"%d" % number: bytes(4_000)}, next_offset=8 + number)
except StoreError as error:
    print(error)
"""


def test_a_full_disk_is_said_to_be_one_and_what_was_written_before_is_there(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "see to its disk (space, rights)" in found.stdout, found.stderr
    assert str(tmp_path / "s") in found.stdout
    again = PartitionStore(tmp_path / "s", "user-preferences-0")
    assert again.get(b"ada") == b"1"
    # All or nothing: the position is that of the last state that is there.
    assert again.get(b"%d" % (again.next_offset - 8)) is not None
    assert again.get(b"%d" % (again.next_offset - 7)) is None
