"""After a fork bomb and after pids were used again and again the tree is what /proc is, and the worker stays small."""
import json
import os
import pathlib
import subprocess
import time

import pytest
import watch_harness
from test_watch_agent import WatchAgent
from agent_harness import TARSIER, Agent, wait_for
from test_watch_live import Churn
from watch_harness import churn_program

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not os.access(TARSIER, os.X_OK), reason="needs root, build/tarsier")
TREE_MAX = 64 << 20  # stated in docs/modules/watch.md
RSS_MAX = 128 << 20  # tree, queues, and the program itself
FEW_PIDS = 400


@pytest.fixture(autouse=True)
def alone():
    with watch_harness.alone():
        yield


@pytest.fixture(params=["bpf", "audit", "connector"])
def agent(request, tmp_path):
    with Agent(tmp_path / "state", {"modules": {"watch": {"source": request.param}}}) as agent:
        one = WatchAgent(agent).up().seen()
        yield one
        assert agent.stop() == 0


def processes():
    """{pid: (ppid, comm)} of /proc, without kernel threads."""
    found = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text(errors="replace")
        except OSError:
            continue
        comm = text[text.index("(") + 1:text.rindex(")")]
        fields = text[text.rindex(")") + 2:].split()
        if fields[0] not in "ZX":
            found[int(path.parent.name)] = (int(fields[1]), comm)
    return {pid: what for pid, what in found.items() if what[0] != 2 and pid != 2}


def same_as_proc(watch):
    """What lived before and after the question must be in the answer; what is in the answer must live."""
    before = processes()
    rows = {row["process"]["pid"]: row["process"] for row in watch.get("/tree")["processes"]}
    after = processes()
    steady = {pid: what for pid, what in before.items() if after.get(pid) == what}
    missing = [pid for pid in steady if pid not in rows]
    gone = [pid for pid in rows if pid not in before and pid not in after and rows[pid].get("ppid") != 2 and
            not os.path.exists(f"/proc/{pid}")]
    # a parent that ended was followed by the one that adopted: the tree keeps the one that forked
    wrong = [pid for pid, (ppid, comm) in steady.items() if pid in rows and
             (rows[pid].get("comm") != comm or (rows[pid].get("ppid", 0) in steady and rows[pid].get("ppid", 0) != ppid and
                                                ppid != 1))]
    return missing, gone, wrong


def check(watch):
    found = {}

    def same():
        found["last"] = same_as_proc(watch)
        return found["last"] == ([], [], [])
    try:
        wait_for(same, "the tree is what /proc is")
    except AssertionError:
        raise AssertionError(f"missing, gone, wrong: {found['last']}") from None
    status = watch.get("/status")["watch"]
    assert status["tree_bytes"] < TREE_MAX and status["tree_refused"] == 0
    pid = watch.agent.service("watch")["pid"]
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    high = int(next(line for line in text.splitlines() if line.startswith("VmHWM")).split()[1]) << 10
    assert high < RSS_MAX, f"{high} bytes"


def test_fork_bomb(agent, tmp_path):
    bomb = Churn(churn_program(tmp_path), "bomb", 30000, 50)
    assert bomb.go() == 30000
    check(agent)
    (init,) = bomb.containers
    wait_for(lambda: agent.events(f"type=exit&pid={init}"), "the end of the bomb")


def test_pids_used_again(agent, tmp_path):
    """A pid namespace of few pids: each is used many times."""
    script = tmp_path / "again.py"
    script.write_text(f"""
import os
try:
    open("/proc/sys/kernel/pid_max", "w").write("{FEW_PIDS}")
    turn = lambda: None
except OSError:  # one limit for all namespaces before Linux 6.14
    turn = lambda: open("/proc/sys/kernel/ns_last_pid", "w").write("10")
used = set()
for number in range(3000):
    if number % 200 == 0:
        turn()
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    used.add(pid)
print(len(used))
""")
    limit = pathlib.Path("/proc/sys/kernel/pid_max").read_text()
    done = subprocess.run(["unshare", "-pf", "--mount-proc", "/usr/bin/env", "python3", script], capture_output=True, text=True,
                          timeout=300)
    if done.returncode:
        pytest.skip(f"needs a pid namespace with few pids: {done.stderr[-200:]}")
    assert pathlib.Path("/proc/sys/kernel/pid_max").read_text() == limit, "the host's own limit was changed"
    assert int(done.stdout) < 1000
    check(agent)
