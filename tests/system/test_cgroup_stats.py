"""Groups of our own in every hierarchy of this machine, with limits and a workload in them: the reader's figures
against the kernel's own files, read here."""

import os
import pathlib
import subprocess
import sys
import time

import pytest
from conftest import PROGRAM

PROBE = pathlib.Path(PROGRAM).parent / "src" / "linux" / "cgroup_probe"
MIB = 1 << 20
TIMEOUT = 60

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(not PROBE.exists(), reason="needs the build's cgroup_probe"),
]

WORK = """
import os, sys, time
kept = bytearray(8 << 20)
for i in range(0, len(kept), 4096): kept[i] = 1
end = time.process_time() + 0.15
while time.process_time() < end: pass
with open(sys.argv[1], "wb") as file:
    file.write(os.urandom(1 << 20)); file.flush(); os.fsync(file.fileno())
print("ready", flush=True)
sys.stdin.read()
"""


def hierarchies():
    """{controller: mount point}; "" is v2."""
    found = {}
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        head, tail = line.split(" - ")
        kind, _, options = tail.split(" ", 2)
        mount = pathlib.Path(head.split()[4])
        if kind == "cgroup2":
            found.setdefault("", mount)
        elif kind == "cgroup":
            for option in options.split(","):
                found.setdefault(option, mount)
    return found


class Group:
    """A group of our own in each of these hierarchies."""

    def __init__(self, name, controllers):
        self.name = "/" + name
        mounts = hierarchies()
        self.directories = {key: mounts[key] / name for key in controllers if key in mounts}
        self.processes = []

    def __enter__(self):
        try:
            for directory in set(self.directories.values()):
                directory.mkdir()
        except OSError as problem:
            self.remove()
            pytest.skip(f"needs control groups: {problem}")
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
        self.remove()

    def remove(self):
        for directory in set(self.directories.values()):
            for _ in range(1000):  # a process that has ended may count for a moment more
                try:
                    directory.rmdir()
                    break
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.01)

    def need(self, *controllers):
        for controller in controllers:
            if controller not in self.directories:
                pytest.skip(f"needs the controller {controller or 'v2'}")

    def write(self, controller, file, text):
        (self.directories[controller] / file).write_text(text)

    def read(self, controller, file):
        return (self.directories[controller] / file).read_text()

    def number(self, controller, file):
        return int(self.read(controller, file))

    def pairs(self, controller, file):
        return {key: int(value) for key, value in (line.split() for line in self.read(controller, file).splitlines())}

    def join(self, *command):
        """Starts a command in the groups; its first line is awaited."""
        places = [str(directory / "cgroup.procs") for directory in set(self.directories.values())]
        script = 'for p; do [ "$p" = -- ] && break; echo $$ > "$p" || exit 9; shift; done; shift; exec "$@"'
        process = subprocess.Popen(["sh", "-c", script, "sh", *places, "--", *command], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True)
        self.processes.append(process)
        return process

    def work(self, path):
        process = self.join(sys.executable, "-c", WORK, str(path))
        assert process.stdout.readline() == "ready\n"
        while pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "S":
            time.sleep(0.001)  # until it waits for its input: from then on its figures stand still
        return process

    def told(self):
        return parse(subprocess.run([PROBE, self.name], capture_output=True, text=True, timeout=TIMEOUT).stdout)


def parse(text):
    told = dict(line.split(" ", 1) for line in text.splitlines())
    return {key: int(value) if value.isdigit() else value for key, value in told.items()}


def own_name(what):
    return f"tarsier-test-{os.getpid()}-{what}"


V1 = ("cpu", "cpuacct", "memory", "pids", "blkio", "cpuset", "freezer")


def test_limits_and_use_of_v1(tmp_path):
    with Group(own_name("v1"), V1) as group:
        group.need("cpu", "cpuacct", "memory", "pids")
        group.write("cpu", "cpu.shares", "512")
        group.write("cpu", "cpu.cfs_quota_us", "10000")
        group.write("memory", "memory.limit_in_bytes", str(256 * MIB))
        group.write("memory", "memory.soft_limit_in_bytes", str(128 * MIB))
        group.write("pids", "pids.max", "40")
        if "cpuset" in group.directories:
            group.write("cpuset", "cpuset.mems", "0")
            group.write("cpuset", "cpuset.cpus", "0")
        process = group.work(tmp_path / "file")
        before = {name: group.number("memory", f"memory.{name}") for name in ("usage_in_bytes", "max_usage_in_bytes")}
        stat = group.pairs("memory", "memory.stat")
        usage = group.number("cpuacct", "cpuacct.usage")
        told = group.told()
        after = {name: group.number("memory", f"memory.{name}") for name in before}

        assert told["refused"] == 0
        # the workload sleeps: nothing of it changes while it is looked at
        assert told["cpu.total"] == usage == group.number("cpuacct", "cpuacct.usage") == told["probe"]
        assert told["cpu.total"] >= 150_000_000
        per_cpu = [int(word) for word in group.read("cpuacct", "cpuacct.usage_percpu").split()]
        assert [told[f"cpu.per_cpu.{i}"] for i in range(len(per_cpu))] == per_cpu
        assert sum(per_cpu) == told["cpu.total"]
        ticks = group.pairs("cpuacct", "cpuacct.stat")
        tick = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
        assert (told["cpu.user"], told["cpu.system"]) == (ticks["user"] * tick, ticks["system"] * tick)
        throttling = group.pairs("cpu", "cpu.stat")
        assert throttling["nr_periods"] > 0
        assert told["cpu.throttled_periods"] == throttling["nr_throttled"]
        assert told["cpu.throttled_ns"] == throttling["throttled_time"]
        assert told["cpu.periods"] <= throttling["nr_periods"]

        assert min(before["usage_in_bytes"], after["usage_in_bytes"]) <= told["memory.usage"] <= max(
            before["usage_in_bytes"], after["usage_in_bytes"])
        assert told["memory.usage"] >= 8 * MIB
        assert told["memory.max_usage"] == before["max_usage_in_bytes"]
        assert told["memory.cache"] == stat["total_cache"]
        assert told["memory.rss"] == stat["total_rss"]
        assert told["memory.mapped_file"] == stat["total_mapped_file"]
        assert told["memory.inactive_file"] == stat["total_inactive_file"]
        assert told["memory.working_set"] == told["memory.usage"] - stat["total_inactive_file"]
        assert told["memory.pgfault"] == stat["pgfault"] > 0
        anon = next(line for line in group.read("memory", "memory.numa_stat").splitlines() if line.startswith("anon"))
        for word in anon.split()[1:]:
            node, pages = word.split("=")
            assert told[f"memory.node.{node[1:]}.anon"] == int(pages)

        assert told["pids"] == group.number("pids", "pids.current") == 1
        assert told["pids_limit"] == told["limit.pids"] == 40
        assert told["process"] == process.pid
        assert abs(told["created"] / 1e9 - time.time()) < TIMEOUT
        assert (told["limit.cpu_shares"], told["limit.cpu_quota"], told["limit.cpu_period"]) == (512, 10000, 100000)
        assert (told["limit.memory"], told["limit.reservation"]) == (256 * MIB, 128 * MIB)
        if "cpuset" in group.directories:
            assert str(told["limit.cpu_mask"]) == "0"
        if "blkio" in group.directories:
            assert told["has_io"] == 1
            for line in group.read("blkio", "blkio.throttle.io_service_bytes_recursive").splitlines():
                if not line.startswith("Total"):
                    device, operation, value = line.split()
                    assert told[f"io.service_bytes.{device}.{operation}"] == int(value)


def test_frozen_by_v1(tmp_path):
    with Group(own_name("freezer"), ("freezer", "cpuacct")) as group:
        group.need("freezer", "cpuacct")
        assert group.told()["frozen"] == 0
        group.write("freezer", "freezer.state", "FROZEN")
        assert group.told()["frozen"] == 1
        group.write("freezer", "freezer.state", "THAWED")
        assert group.told()["frozen"] == 0


def test_out_of_memory_of_v1():
    with Group(own_name("oom"), ("memory", "cpuacct")) as group:
        group.need("memory", "cpuacct")
        group.write("memory", "memory.limit_in_bytes", str(24 * MIB))
        process = group.join(sys.executable, "-c", "x = bytearray(200 << 20); print(len(x))")
        process.wait(TIMEOUT)
        assert process.returncode == -9
        told = group.told()
        assert told["memory.oom_kill"] == group.pairs("memory", "memory.oom_control")["oom_kill"] >= 1
        assert told["memory.failcnt"] == group.number("memory", "memory.failcnt") > 0
        assert told["memory.max_usage"] == group.number("memory", "memory.max_usage_in_bytes")


def test_use_of_v2(tmp_path):
    with Group(own_name("v2"), ("",)) as group:
        group.need("")
        process = group.work(tmp_path / "file")
        stat = group.pairs("", "cpu.stat")
        told = group.told()
        assert told["has_cpu"] == 1 and told["refused"] == 0
        assert told["cpu.total"] == stat["usage_usec"] * 1000 == told["probe"]
        assert told["cpu.total"] >= 150_000_000
        assert (told["cpu.user"], told["cpu.system"]) == (stat["user_usec"] * 1000, stat["system_usec"] * 1000)
        assert told["process"] == process.pid
        assert told["frozen"] == 0
        if (group.directories[""] / "cpu.pressure").exists():
            some = group.read("", "cpu.pressure").splitlines()[0].split()[-1]
            assert told["has_pressure"] == 1 and f"total={told['cpu_pressure.some']}" == some
        group.write("", "cgroup.freeze", "1")
        for _ in range(1000):
            if "frozen 1" in group.read("", "cgroup.events"):
                break
            time.sleep(0.01)
        assert group.told()["frozen"] == 1
        group.write("", "cgroup.freeze", "0")


@pytest.mark.parametrize("controllers", [("cpu", "cpuacct", "memory", "pids"), ("",)], ids=["v1", "v2"])
def test_group_that_goes_while_it_is_open(controllers):
    with Group(own_name("gone"), controllers) as group:
        group.need(*controllers)
        with subprocess.Popen([PROBE, group.name, "hold"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) as probe:
            assert probe.stdout.readline() == "open 1\n"
            group.remove()
            text, _ = probe.communicate("go\n", timeout=TIMEOUT)
        told = parse(text)
        assert told["error"] == told["error.limits"] == told["error.probe"] == "not-found"
        assert told["process"] == 0
        assert probe.returncode == 1
        assert group.told() == {"error": "not-found"}


def test_part_that_goes_while_it_is_open():
    with Group(own_name("part"), ("cpuacct", "memory")) as group:
        group.need("cpuacct", "memory")
        if group.directories["cpuacct"] == group.directories["memory"]:
            pytest.skip("needs cpuacct and memory in hierarchies of their own")
        with subprocess.Popen([PROBE, group.name, "hold"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) as probe:
            assert probe.stdout.readline() == "open 1\n"
            group.directories["memory"].rmdir()
            text, _ = probe.communicate("go\n", timeout=TIMEOUT)
        told = parse(text)
        assert (told["has_cpu"], told["has_memory"], told["memory.usage"]) == (1, 0, 0)


def test_the_root_group():
    told = Group("", ()).told()
    memory = dict(line.split(":") for line in pathlib.Path("/proc/meminfo").read_text().splitlines())
    assert told["limit.memory"] == int(memory["MemTotal"].split()[0]) * 1024
    assert told["has_cpu"] == told["has_memory"] == told["has_pids"] == 1
    assert 0 < told["memory.working_set"] <= told["memory.usage"] <= told["limit.memory"]
    assert told["pids"] > 1
