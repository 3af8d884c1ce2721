"""How processes of ours end that are asked to, or that no longer go on."""

import signal
import subprocess
import sys

import pytest

from stream_app.deadline import EXIT_STUCK

STOPPABLE = """
import asyncio
from stream_app.stop_signal import on_stop_signal
async def main():
    stopping = asyncio.Event()
    def stop():
        stopping.set()
        print("stopping", flush=True)
    on_stop_signal(stop, within_s={within_s})
    print("ready", flush=True)
    await stopping.wait()
    await asyncio.sleep({then_s})
asyncio.run(main())
"""
HANGING = """
import time
from stream_app.deadline import end_if_longer
with end_if_longer(1000, "a quick call"):
    pass
with end_if_longer(0.2, "the slow call"):
    def hang():
        time.sleep(1000)
    hang()
"""
DEADLINE_S = 30


def started(script: str, **pipes: int) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, **pipes
    )


@pytest.mark.parametrize(
    ("within_s", "then_s", "num_signals", "exit_code"),
    [(1000, 0, 1, 0), (1000, 1000, 2, EXIT_STUCK), (0.1, 1000, 1, EXIT_STUCK)],
    ids=["stops", "second signal", "too slow"],
)
def test_a_signal_stops_and_what_does_not_stop_is_ended(
    within_s, then_s, num_signals, exit_code
) -> None:
    with started(STOPPABLE.format(within_s=within_s, then_s=then_s)) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "stopping\n"
        if num_signals > 1:
            process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE_S) == exit_code


def test_a_call_that_hangs_ends_the_process_and_its_last_words_say_where() -> None:
    with started(HANGING, stderr=subprocess.PIPE) as process:
        out, err = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == EXIT_STUCK
    assert "the slow call" in out + err
    assert "in hang" in err
