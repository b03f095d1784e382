"""watch against the truth: 20,000 processes in 50 containers of real namespaces and cgroups, under each source."""
import os
import re
import shutil
import subprocess
import time

import pytest
import watch_harness
from watch_harness import Watch, churn_program

CONTAINERS, EACH = 50, 400
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def churn(tmp_path):
    return churn_program(tmp_path)


@pytest.fixture(autouse=True)
def alone():
    with watch_harness.alone():
        yield


class Churn:
    """A running churn: .containers is {pid of the init: id}; go() lets it work."""

    def __init__(self, program, *arguments):
        if subprocess.run(["unshare", "-pf", "true"], capture_output=True).returncode:
            pytest.skip("needs pid namespaces")
        if not os.path.exists("/sys/fs/cgroup/cgroup.procs") and not os.path.exists("/sys/fs/cgroup/unified"):
            pytest.skip("needs cgroup v2")
        self.process = subprocess.Popen([program, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.containers = {}
        for line in self.process.stdout:
            word, *rest = line.split()
            if word == "go":
                return
            self.containers[int(rest[1])] = rest[0]
        raise AssertionError("churn did not begin")

    def go(self):
        out, _ = self.process.communicate("\n", timeout=300)
        assert self.process.returncode == 0
        return int(re.search(r"^started (\d+)$", out, re.M).group(1))


def identity_of(event):
    """Of the process: its exec_id without the number of the exec."""
    return event["process"]["exec_id"].rsplit("-", 1)[0]


def check(watch, churn, started):
    """Every process that came is in its container and has its parent; none came twice; what is missing was counted. The
    number of execs that came with their arguments."""
    seen = {"exec": {}, "fork": {}, "exit": {}}
    inits, completed = {}, 0
    for event in watch.events:
        process = event.get("process", {})
        if event["type"] == "exec" and process["pid"] in churn.containers:
            inits[process["pid"]] = process
        if process.get("ppid") not in churn.containers or event["type"] not in seen:
            continue
        first = seen[event["type"]].setdefault(identity_of(event), event)
        if first is not event:  # audit's part of an exec that it had not told in time, /proc perhaps had
            assert event["type"] == "exec" and event.get("late") and "audit" in event and "audit" not in first, \
                f"twice: {event}, {first}"
            assert process["exec_id"] == first["process"]["exec_id"]
            assert first["process"].get("argv") in (None, process["argv"])
            seen["exec"][identity_of(event)] = event
            completed += 1
    assert completed <= watch.statistics["late"]
    lost = watch.statistics["lost"] + watch.statistics["raw_lost"] + watch.statistics["queue_lost"]
    processes = [event["process"] for kind in seen.values() for event in kind.values()]
    wrong = [p for p in processes if p.get("container", {}).get("id") != churn.containers[p["ppid"]]]
    assert not wrong, f"{len(wrong)} in the wrong container, the first: {wrong[0]}"
    strays = [p for p in processes
              if p["ancestors"][0]["pid"] != p["ppid"] or p["parent_exec_id"] != inits[p["ppid"]]["exec_id"]]
    assert not strays, f"{len(strays)} with another parent, the first: {strays[0]}"
    told = [event["process"] for event in seen["exec"].values() if event["process"].get("argv")]
    assert all(p["argv"][:2] == ["churn", "end"] and p["argv"][2] == churn.containers[p["ppid"]] for p in told)
    for kind, those in seen.items():
        assert len(those) + lost >= started and len(those) <= started, \
            f"{kind}: {len(those)} seen, {lost} counted as lost, {started} started: {watch.statistics}"
        assert len(those) == started or any(e["type"] == "gap" and e["gap"].get("lost") for e in watch.events)
    return len(told)


@pytest.mark.parametrize("source", ["bpf", "audit", "connector"])
def test_every_process_or_its_loss(tarsier, tmp_path, churn, source):
    with Watch(tarsier, tmp_path, "--source", source, "--forks") as watch:
        watch.wait_ready()
        run = Churn(churn, "run", CONTAINERS, EACH)
        started = run.go()
        assert started == CONTAINERS * EACH
        watch.wait_settled()
        watch.finish()
        with_arguments = check(watch, run, started)
        if source != "connector" and not watch.statistics["lost"]:  # else it is counted
            assert with_arguments <= started <= with_arguments + watch.statistics["incomplete"], watch.statistics
        assert source == "audit" or watch.statistics["incomplete"] == 0
        starts = {e["process"]["container"]["id"] for e in watch.events
                  if e["type"] == "container" and e["object"]["operation"] == "start"}
        assert set(run.containers.values()) <= starts


def test_beside_a_running_auditd(tarsier, tmp_path, churn):
    """Read-only, by multicast: both see every process, to the number."""
    if not shutil.which("auditd"):
        pytest.skip("needs auditd")
    directory = tmp_path / "auditd"
    directory.mkdir(mode=0o700)
    log = directory / "audit.log"
    (directory / "auditd.conf").write_text(
        f"local_events = yes\nwrite_logs = yes\nlog_file = {log}\nlog_format = RAW\nflush = NONE\nnum_logs = 0\n"
        "max_log_file = 1000\nmax_log_file_action = IGNORE\nspace_left = 2\nspace_left_action = IGNORE\n"
        "admin_space_left = 1\nadmin_space_left_action = IGNORE\ndisk_full_action = IGNORE\n"
        "disk_error_action = IGNORE\nq_depth = 20000\n")
    (directory / "auditd.conf").chmod(0o640)
    rule = ["always,exit", "-F", "arch=b64", "-S", "execve,execveat", "-k", "beside"]
    backlog = re.search(r"^backlog_limit (\d+)", subprocess.run(["auditctl", "-s"], capture_output=True, text=True,
                                                               check=True).stdout, re.M).group(1)
    daemon = subprocess.Popen(["auditd", "-n", "-c", str(directory)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        subprocess.run(["auditctl", "-b", "32768"], check=True, capture_output=True)
        subprocess.run(["auditctl", "-a", *rule], check=True, capture_output=True)
        with Watch(tarsier, tmp_path, "--source", "audit", "--ro") as watch:
            watch.wait_ready()
            run = Churn(churn, "run", 10, 200)
            started = run.go()
            watch.wait_settled()
            watch.finish()
        ours = {e["process"]["exec_id"] for e in watch.events
                if e["type"] == "exec" and e["process"].get("argv", [])[:2] == ["churn", "end"]}
        lost = watch.statistics["lost"] + watch.statistics["raw_lost"] + watch.statistics["queue_lost"]
        assert len(ours) <= started <= len(ours) + lost, watch.statistics
        end = time.monotonic() + 60
        theirs = 0
        while theirs < started and time.monotonic() < end:
            theirs = len(re.findall(r'^type=EXECVE .* a0="churn" a1="end" ', log.read_text(errors="replace"), re.M))
            time.sleep(0.05)
        assert theirs == started == 2000
        assert lost or len(ours) == theirs
    finally:
        subprocess.run(["auditctl", "-d", *rule], check=False, capture_output=True)
        daemon.terminate()
        daemon.wait(60)
        end = time.monotonic() + 30
        while watch_harness.audit_status()[2] != "0" and time.monotonic() < end:  # until the kernel knows
            time.sleep(0.02)
        subprocess.run(["auditctl", "-b", backlog], check=False, capture_output=True)
        subprocess.run(["auditctl", "-e", "0"], check=False, capture_output=True)
