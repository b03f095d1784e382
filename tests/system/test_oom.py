"""Real kills for want of memory, as the kernel's log tells them: a process in a memory cgroup of the test's own (v1 or
v2, whichever has the controller) takes more than its limit. The probe reads as the metrics module does."""

import json
import os
import pathlib
import subprocess
import sys
import time

import pytest
from conftest import PROGRAM

PROBE = pathlib.Path(PROGRAM).parent / "src" / "linux" / "oom_probe"
LIMIT = 24 << 20
TIMEOUT = 60

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(not PROBE.exists(), reason="needs the build's oom_probe"),
    pytest.mark.skipif(not os.access("/dev/kmsg", os.R_OK), reason="needs /dev/kmsg"),
]

# waits to be moved, then takes 16 times the limit
HOG = f"import sys; sys.stdin.readline(); b = bytearray({LIMIT * 16}); b[::4096] = b'x' * len(b[::4096])"


class Group:
    """A memory cgroup below the one this process is in, with a limit; removed at the end."""

    def __init__(self, name):
        own = {}
        for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            own.update({controller: path for controller in controllers.split(",")})
        v1 = pathlib.Path("/sys/fs/cgroup/memory")
        v2 = pathlib.Path("/sys/fs/cgroup")
        if "memory" in own and (v1 / "memory.usage_in_bytes").exists():
            self.directory, self.path, limit = v1 / name, "/" + name, "memory.limit_in_bytes"
        elif "memory" in (v2 / "cgroup.subtree_control").read_text().split() if (
                v2 / "cgroup.subtree_control").exists() else False:
            self.directory, self.path, limit = v2 / name, "/" + name, "memory.max"
        else:
            pytest.skip("needs the memory controller at the root of a cgroup hierarchy")
        self.directory.mkdir()
        (self.directory / limit).write_text(str(LIMIT))
        swap = self.directory / "memory.swap.max"
        if swap.exists():
            swap.write_text("0")

    def add(self, pid):
        (self.directory / "cgroup.procs").write_text(str(pid))

    def remove(self):
        deadline = time.monotonic() + TIMEOUT
        while self.directory.exists() and time.monotonic() < deadline:
            try:
                self.directory.rmdir()
            except OSError:
                os.sched_yield()


@pytest.fixture
def group():
    made = Group(f"tarsier-test-oom-{os.getpid()}")
    yield made
    made.remove()


@pytest.fixture
def probe():
    process = subprocess.Popen([str(PROBE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True)
    if process.stdout.readline().strip() != "ready":
        process.wait(TIMEOUT)
        pytest.skip("needs to read /dev/kmsg: " + process.stderr.read())
    yield process
    if process.poll() is None:
        process.kill()
    process.wait(TIMEOUT)


def in_initial_pid_namespace():
    return os.readlink("/proc/self/ns/pid") == "pid:[4026531836]"


def hog(group):
    """One that dies of its group's limit; its pid."""
    process = subprocess.Popen([sys.executable, "-c", HOG], stdin=subprocess.PIPE)
    group.add(process.pid)
    process.communicate(b"\n", timeout=TIMEOUT)
    assert process.returncode == -9
    return process.pid


def finish(probe):
    """Its lines, the counts last. What was logged before this is in them: it reads the log once more at the end."""
    out, _ = probe.communicate(timeout=TIMEOUT)
    lines = [json.loads(line) for line in out.splitlines()]
    return lines[:-1], lines[-1]


@pytest.mark.skipif(not in_initial_pid_namespace(), reason="needs the initial pid namespace")
def test_a_kill_is_told_with_its_group(group, probe):
    before = time.time_ns()
    pid = hog(group)
    kills, counts = finish(probe)
    mine = [kill for kill in kills if kill["pid"] == pid]
    assert len(mine) == 1, kills
    kill = mine[0]
    assert kill["process"] == pathlib.Path(sys.executable).name[:15]
    assert kill["uid"] == 0
    assert kill["constraint"] == "CONSTRAINT_MEMCG"
    assert before <= kill["unix_ns"] <= time.time_ns()
    assert 0 < kill["anon_rss"] < kill["total_vm"]
    assert kill["total_vm"] > LIMIT
    if kill["task_memcg"]:  # else others' kills took the share of what is logged whole
        assert kill["task_memcg"] == kill["oom_memcg"] == group.path
    assert counts["malformed"] == counts["lost"] == 0


@pytest.mark.skipif(not in_initial_pid_namespace(), reason="needs the initial pid namespace")
def test_each_of_a_burst_is_told(group, probe):
    """The kernel logs a report for the first ten in five seconds only, but each kill."""
    pids = [hog(group) for _ in range(14)]
    kills, _ = finish(probe)
    assert [kill["pid"] for kill in kills if kill["pid"] in pids] == pids
    assert all(kill["constraint"] == "CONSTRAINT_MEMCG" for kill in kills if kill["pid"] in pids)


def test_what_a_process_writes_is_no_kill(probe):
    """Root can put a line in the log that looks like the kernel's own."""
    with open("/dev/kmsg", "w", encoding="ascii") as log:
        log.write("<3>Memory cgroup out of memory: Killed process 4194301 (tarsier-test) total-vm:8kB, anon-rss:4kB\n")
    kills, counts = finish(probe)
    assert counts["records"] >= 1
    assert not [kill for kill in kills if kill["pid"] == 4194301]
