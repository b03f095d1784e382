"""A history whose writer is killed, again and again at any moment, has all that was before the last whole minute."""
import os
import pathlib
import random
import signal
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TARSIER", ROOT / "build" / "tarsier")).resolve().parent
WRITER = BUILD / "src" / "modules" / "metrics" / "history_writer"
START = 1790000000 // 3600 * 3600

pytestmark = pytest.mark.skipif(not WRITER.exists(), reason=f"needs {WRITER.name} of the build")


def ask(directory, start, end):
    answer = subprocess.run([WRITER, directory, "ask", str(start), str(end)], capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stderr
    lines = [line.split() for line in answer.stdout.splitlines()]
    assert lines[-1] == ["corrupt", "0"]
    return {(name, int(second)): float(cores) for name, second, cores in lines[:-1]}


def kill_after(directory, start, minutes, delay):
    """Writes from start on; killed `delay` reads after so many minutes were said. Returns the last minute said."""
    writer = subprocess.Popen([WRITER, directory, str(start), "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said = start
    try:
        for count, line in enumerate(writer.stdout):
            said = int(line.split()[1])
            if count >= minutes + delay:
                break
        writer.send_signal(signal.SIGKILL)
        for line in writer.stdout:  # what it had said until then
            if line.endswith("\n"):
                said = int(line.split()[1])
    finally:
        writer.kill()
        writer.wait()
    assert writer.stderr.read() == ""
    return said


def test_killed_again_and_again(tmp_path):
    directory = tmp_path / "history"
    order = random.Random(4)
    start = START
    gaps = set()
    for _ in range(12):
        said = kill_after(directory, start, order.randrange(1, 130), order.randrange(3))
        known = ask(directory, START, said)
        for name, cores in (("c1", 1), ("c2", 2), ("c3", 3)):
            for minute in range(START + 60, said + 1, 60):
                if minute in gaps:
                    continue
                assert known.get((name, minute)) == pytest.approx(cores, rel=0.001), (name, minute - START)
        start = (said // 60 + 1) * 60
        gaps.add(start)  # what the killed writer had not written: a minute


def test_one_writer_at_a_time(tmp_path):
    first = subprocess.Popen([WRITER, tmp_path, str(START), "0"], stdout=subprocess.PIPE, text=True)
    try:
        assert first.stdout.readline().startswith("MINUTE")
        second = subprocess.run([WRITER, tmp_path, str(START), "60"], capture_output=True, text=True, timeout=60)
        assert second.returncode == 1
        assert "another process writes to the history" in second.stderr
    finally:
        first.kill()
        first.wait()


def test_full_disk_by_file_size(tmp_path):
    """A limit on the size of files stands for a quota: the error is told, what was written is intact."""
    limited = f"ulimit -f 8; trap '' XFSZ; exec {WRITER} {tmp_path} {START} 7200"
    writer = subprocess.run(["bash", "-c", limited], capture_output=True, text=True, timeout=60)
    assert writer.returncode == 1
    assert "history is not written" in writer.stderr and "File too large" in writer.stderr
    said = [int(line.split()[1]) for line in writer.stdout.splitlines()]
    known = ask(tmp_path, START, said[-2])
    for minute in range(START + 60, said[-2] + 1, 60):
        assert known[("c2", minute)] == pytest.approx(2, rel=0.001)
