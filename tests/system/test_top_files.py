"""What `tarsier top` and its workers do with standard output and standard error."""
import os
import subprocess

import pytest
from agent_harness import TARSIER, wait_for
from tmux_harness import CLEAN, Tmux


def test_what_workers_log_is_not_written_over_the_screen():
    with Tmux(100, 30) as tmux:
        tmux.top("--view", "processes", ready="COMMAND")
        pid = tmux.pid()

        def workers():
            children = open(f"/proc/{pid}/task/{pid}/children", encoding="ascii").read().split()
            try:
                return children and all(os.readlink(f"/proc/{child}/fd/2") == "/dev/null" for child in children)
            except FileNotFoundError:  # one that has just ended, as those that find no agent do
                return False
        wait_for(workers, "workers that cannot write to the terminal")
        tmux.keys("Q")
        tmux.ended(0)


@pytest.mark.parametrize("words", [[], ["--once"]])
def test_lines_that_cannot_be_written_are_an_error(words):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([TARSIER, "top", *words], env=CLEAN, stdin=subprocess.DEVNULL, stdout=full,
                              stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == 12
    assert done.stderr == b"tarsier top: standard output: No space left on device\n"


def test_a_closed_standard_output_is_nobody_elses_file():
    done = subprocess.run(["/bin/sh", "-c", 'exec "$0" top --once >&-', TARSIER], env=CLEAN, stdin=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (12, b"tarsier top: standard output: Bad file descriptor\n")


def test_once_says_why_there_is_no_picture():
    done = subprocess.run([TARSIER, "top", "--once", "--agent", "nowhere"], env=CLEAN, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == 7
    assert b'no picture came: module fetch: "nowhere" is no agent' in done.stderr
