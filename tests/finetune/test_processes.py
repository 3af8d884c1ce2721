"""Two processes on CPU, started as `accelerate launch` starts one for each GPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parent / "two_processes.py"


def test_both_train_one_adapter_and_the_first_alone_reads_and_writes(tmp_path: Path) -> None:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*launcher, str(SCRIPT), str(tmp_path)],
        env={**os.environ, "ACCELERATE_USE_CPU": "true"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (first, weights, has_read), (second, others, has_read_too) = sorted(
        line.split() for line in done.stdout.splitlines()
    )
    assert (first, second) == ("0", "1")
    # Gradients are added up over both, or each would have learned its own half.
    assert weights == others
    assert (has_read, has_read_too) == ("True", "False")
    keys = [
        json.loads(line)[0]
        for line in (tmp_path / "adapter/work/profiles.jsonl").read_text().splitlines()
        if line
    ]
    assert len(keys) == len(set(keys)) > 0
