"""What the kernel loses while nobody reads is told with the kernel's own number, and the tree is right again soon."""
import calendar
import contextlib
import os
import re
import signal
import subprocess
import time

import pytest
import watch_harness
from watch_harness import Watch, churn_program, worker_of
from test_watch_live import Churn

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
HEALED_NS = 60_000_000_000  # from the first gap to the repair: 2 s at most are meant, on a box that is not loaded


@pytest.fixture(autouse=True)
def alone():
    with watch_harness.alone():
        yield


def audit_numbers():
    text = subprocess.run(["auditctl", "-s"], capture_output=True, text=True).stdout
    return {key: int(value) for key, value in re.findall(r"^(\w+) (\d+)", text, re.M)}


@contextlib.contextmanager
def kernel_does_not_wait():
    """A full backlog loses at once, instead of letting the processes wait."""
    before = audit_numbers()["backlog_wait_time"]
    subprocess.run(["auditctl", "--backlog_wait_time", "0"], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["auditctl", "--backlog_wait_time", str(before)], check=True, capture_output=True)


@contextlib.contextmanager
def paused(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def gaps(watch, reason=None):
    found = [event for event in watch.events if event["type"] == "gap" and event["gap"].get("lost")]
    return [event for event in found if not reason or event["gap"]["reason"] == reason]


def nanoseconds(event):
    seconds, _, part = event["time"].rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(seconds, "%Y-%m-%dT%H:%M:%S")) * 10**9 + int((part or "0").ljust(9, "0"))


def check_healed(watch, left):
    """The processes that are left behind of those whose start was lost are told of by their ends, with their place."""
    repairs = [event for event in watch.events if event["type"] == "gap" and event["gap"]["reason"] == "repair"]
    assert repairs, "nothing was repaired"
    assert sum(event["gap"]["healed"] for event in repairs) >= 1
    ends = {event["process"]["pid"]: event for event in watch.events
            if event["type"] == "exit" and event["process"]["pid"] in left}
    assert set(ends) == set(left)
    for pid, parent in left.items():
        assert ends[pid]["process"]["ppid"] == parent
        assert ends[pid]["process"]["comm"] == "sleep"


def run_paused(watch, pid, program, containers, each):
    """Processes while the reader stands still, and some that live on: {pid: its parent}."""
    churn = Churn(program, "run", containers, each)
    watch.paused = time.time_ns()
    with paused(pid):
        started = churn.go()
        left = [subprocess.Popen(["sleep", "1000"]) for _ in range(20)]
    return churn, started, left


def finish(watch, left):
    """Until the repair is told, not that of a loss before the pause; then those that were left end."""
    watch.wait_for(lambda event: event["type"] == "gap" and event["gap"].get("lost") and
                   nanoseconds(event) >= watch.paused)
    lost = next(event["id"] for event in gaps(watch) if nanoseconds(event) >= watch.paused)
    watch.wait_for(lambda event: event["type"] == "gap" and event["gap"]["reason"] == "repair" and event["id"] > lost)
    for process in left:
        process.terminate()
        process.wait()
    watch.wait_settled()
    watch.at_end = audit_numbers().get("lost", 0)
    watch.finish()
    check_healed(watch, {process.pid: os.getpid() for process in left})
    first = gaps(watch)[0]
    after = [event for event in watch.events if event["type"] == "gap" and event["gap"]["reason"] == "repair" and
             event["id"] > first["id"]]
    return nanoseconds(after[0]) - nanoseconds(first)


def test_audit_backlog(tarsier, tmp_path):
    program = churn_program(tmp_path)
    with Watch(tarsier, tmp_path, "--source", "audit", "--backlog", 64, "--buffer", "64k", "--forks") as watch:
        watch.wait_ready()
        assert audit_numbers()["backlog_limit"] == 64
        with kernel_does_not_wait():
            churn, started, left = run_paused(watch, worker_of(watch.process.pid), program, 5, 1500)
            took = finish(watch, left)
    # by the kernel's own count, from what it was when watch began up to its end, which takes a moment
    began = int(re.search(r"^audit: before: .*, lost (\d+)$", watch.said(), re.M).group(1))
    lost, most = watch.at_end - began, audit_numbers()["lost"] - began
    assert lost > 0, "the kernel lost nothing"
    assert lost <= sum(event["gap"]["lost"] for event in gaps(watch, "kernel backlog")) <= most
    assert all(event["gap"]["unit"] == "records" for event in gaps(watch, "kernel backlog"))
    assert watch.statistics["lost"] >= lost
    execs = {event["process"]["exec_id"] for event in watch.events
             if event["type"] == "exec" and event["process"].get("ppid") in churn.containers}
    assert len(execs) <= started <= len(execs) + watch.statistics["lost"]
    assert took <= HEALED_NS


def test_ring_of_ebpf(tarsier, tmp_path):
    program = churn_program(tmp_path)
    with Watch(tarsier, tmp_path, "--source", "bpf", "--buffer", "64k", "--forks") as watch:
        watch.wait_ready()
        churn, started, left = run_paused(watch, worker_of(watch.process.pid), program, 5, 600)
        took = finish(watch, left)
    events = [event for event in watch.events if event["type"] in ("exec", "fork", "exit") and
              event["process"].get("ppid") in churn.containers]
    lost = watch.statistics["lost"]
    assert lost > 0, "the ring was large enough"
    assert sum(event["gap"]["lost"] for event in gaps(watch, "ring buffer")) == lost
    # three events each; what else was lost in that time is of other processes of the machine
    assert len({(event["type"], event["process"]["exec_id"]) for event in events}) == len(events)
    assert len(events) <= 3 * started <= len(events) + lost
    assert took <= HEALED_NS


def test_buffer_of_the_connector(tarsier, tmp_path):
    program = churn_program(tmp_path)
    with Watch(tarsier, tmp_path, "--source", "connector", "--buffer", "32k", "--forks") as watch:
        watch.wait_ready()
        churn, started, left = run_paused(watch, worker_of(watch.process.pid), program, 5, 600)
        took = finish(watch, left)
    events = [event for event in watch.events if event["type"] in ("exec", "fork", "exit") and
              event["process"].get("ppid") in churn.containers and not event.get("synthetic")]
    lost = watch.statistics["lost"]
    assert lost > 0, "the buffer was large enough"
    assert sum(event["gap"]["lost"] for event in gaps(watch)) == lost
    assert len(events) <= 3 * started <= len(events) + lost
    assert took <= HEALED_NS
