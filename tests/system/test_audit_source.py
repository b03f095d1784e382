"""The audit source and the machine's one audit system: what is there is left as it was, whatever happens to us."""
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import time

import pytest
import watch_harness
from watch_harness import Watch

KEY = "tarsier-watch"
pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
              pytest.mark.skipif(not shutil.which("auditctl"), reason="needs auditctl (package auditd)")]


@pytest.fixture(autouse=True)
def alone(request):
    if request.node.get_closest_marker("no_audit"):
        yield
        return
    if watch_harness.audit_status() is None:
        pytest.skip("needs kernel audit")
    with watch_harness.alone():
        yield


def auditctl(*words):
    return subprocess.run(["auditctl", *map(str, words)], check=True, capture_output=True, text=True).stdout


def status():
    return {key: int(value) for key, value in re.findall(r"^(\w+) (\d+)", auditctl("-s"), re.M)}


def rules(own):
    return [line for line in auditctl("-l").splitlines() if line != "No rules" and (KEY in line) == own]


@contextlib.contextmanager
def host_rule(*words):
    """A rule that is not ours."""
    auditctl(*words)
    try:
        yield rules(own=False)[-1]
    finally:
        if words[0] == "-w":
            auditctl("-W", *words[1:])
        else:
            auditctl("-d", *words[1:])


def watch(tarsier, directory, *flags):
    return Watch(tarsier, directory, "--source", "audit", *flags)


def wait_until(condition, what):
    limit = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < limit, what
        time.sleep(0.02)


def test_everything_is_as_before(tarsier, tmp_path):
    before = status()
    with host_rule("-w", tmp_path / "x", "-p", "wa", "-k", "foreign") as foreign, \
            watch(tarsier, tmp_path, "--rate", "123456", "--backlog", "4321") as running:
        running.wait_ready()
        during = status()
        assert (during["enabled"], during["rate_limit"], during["backlog_limit"]) == (1, 123456, 4321)
        assert during["pid"] not in (0, before["pid"])
        assert rules(own=False) == [foreign]
        assert any("execve" in rule for rule in rules(own=True))
        running.finish()
        assert rules(own=True) == []
        assert rules(own=False) == [foreign]
        after = status()
        for name in ("enabled", "failure", "pid", "rate_limit", "backlog_limit"):
            assert after[name] == before[name], name
    said = running.said()
    assert said.index("before: enabled") < said.index("rules added"), "the state is told before it is changed"


def test_what_somebody_else_changed_meanwhile_stays(tarsier, tmp_path):
    before = status()["backlog_limit"]
    try:
        with watch(tarsier, tmp_path, "--backlog", "4321") as running:
            running.wait_ready()
            auditctl("-b", 5555)
            running.finish()
        assert status()["backlog_limit"] == 5555
    finally:
        auditctl("-b", before)


def test_a_killed_run_is_cleaned_up_by_the_next(tarsier, tmp_path):
    before = status()
    with host_rule("-a", "always,exit", "-F", "arch=b64", "-S", "personality", "-k", "tarsier-like") as foreign:
        with watch(tarsier, tmp_path, "--backlog", "4321", "--audit-rules", f"-w {tmp_path}/y -p wa -k mine") as killed:
            killed.wait_ready()
            os.kill(status()["pid"], signal.SIGKILL)
            killed.process.wait(30)
        assert len(rules(own=True)) > 3, "left behind"
        assert status()["enabled"] == 1
        with watch(tarsier, tmp_path) as running:
            running.wait_ready()
            assert not [rule for rule in rules(own=True) if "mine" in rule]
            running.finish()
        assert "an earlier run left" in running.said()
        assert rules(own=True) == []
        assert foreign in rules(own=False)
        after = status()
        for name in ("enabled", "rate_limit", "backlog_limit"):
            assert after[name] == before[name], f"{name}: the killed run's, or the one before it?"


def test_a_wrong_rule_changes_nothing(tarsier, tmp_path):
    before = status()
    for wrong in ("-a always,exit -S no_such_call", "-D", "-e 0"):
        done = tarsier("watch", "--source", "audit", "--audit-rules", wrong, "--duration", "1s")
        assert done.returncode != 0 and wrong in done.stderr
        assert rules(own=True) == []
        assert status()["enabled"] == before["enabled"] and status()["pid"] == before["pid"]


def test_rules_of_the_user_have_their_own_key(tarsier, tmp_path):
    target = tmp_path / "watched"
    target.write_text("x")
    with watch(tarsier, tmp_path, "--audit-rules", f"-w {target} -p wa -k 'my key'") as running:
        running.wait_ready()
        target.write_text("y")
        event = running.wait_for(lambda e: e["type"] == "file" and e["object"].get("path") == str(target))
        assert event["audit"]["key"] == "my key"
        assert event["process"]["pid"] == os.getpid()
        running.finish()


def test_order_of_a_process_with_its_first_program(tarsier, tmp_path):
    with watch(tarsier, tmp_path, "--forks") as running:
        running.wait_ready()
        children = []
        for _ in range(200):
            child = subprocess.Popen(["/bin/true"])
            child.wait()
            children.append(child.pid)
        running.wait_settled()
        running.finish()
    seen, arguments = {}, {}
    for event in running.events:
        if event["type"] in ("fork", "exec", "exit"):
            pid = event["process"]["pid"]
            arguments[pid] = event["process"].get("argv") or arguments.get(pid)
            if not event.get("late"):  # audit's part of an exec that was told without: the machine was busy
                seen.setdefault(pid, []).append(event["type"])
    for pid in children:
        assert seen.get(pid, [])[-3:] == ["fork", "exec", "exit"], (pid, seen.get(pid))
        assert arguments[pid] == ["/bin/true"]
    assert running.statistics["lost"] == 0


def test_a_dump_replays_the_same_each_time(tarsier, tmp_path):
    dump = tmp_path / "dump"
    with watch(tarsier, tmp_path, "--diag", dump) as running:
        running.wait_ready()
        subprocess.run(["/bin/sh", "-c", "/bin/true; exec /bin/echo 'a b'"], check=True, stdout=subprocess.DEVNULL)
        running.wait_settled()
        running.finish()
    text = dump.read_text(errors="replace")
    assert "type=CONNECTOR msg=audit(" in text and "type=EXECVE msg=audit(" in text
    assert dump.stat().st_mode & 0o077 == 0
    first, second = (tarsier("watch", "--replay", dump, "--json") for _ in range(2))
    assert first.returncode == 0 and first.stdout == second.stdout

    def execs(events):  # each once: on a busy machine audit's part comes late, as an event of its own
        whole = [e for e in events if e["type"] == "exec"]
        return [e for e in whole if not e.get("late")], [e["process"]["argv"] for e in whole if "argv" in e["process"]]
    live, live_arguments = execs(running.events)
    replayed, arguments = execs(map(json.loads, first.stdout.splitlines()))
    assert [argv for argv in arguments if argv in live_arguments] and ["/bin/echo", "a b"] in arguments
    assert len(replayed) == len(live)


AUDITD = """local_events = yes
write_logs = yes
log_file = {directory}/audit.log
log_group = root
log_format = RAW
flush = NONE
max_log_file = 100
num_logs = 0
priority_boost = 0
name_format = NONE
max_log_file_action = IGNORE
space_left = 2
admin_space_left = 1
space_left_action = IGNORE
admin_space_left_action = IGNORE
disk_full_action = IGNORE
disk_error_action = IGNORE
"""


@pytest.fixture
def auditd(tmp_path):
    """A running auditd with a configuration of its own."""
    if not shutil.which("auditd"):
        pytest.skip("needs auditd")
    before = status()
    directory = tmp_path / "auditd"
    (directory / "plugins.d").mkdir(parents=True)
    (directory / "auditd.conf").write_text(AUDITD.format(directory=directory))
    (directory / "auditd.conf").chmod(0o640)
    process = subprocess.Popen(["auditd", "-n", "-c", str(directory)], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: status()["pid"] == process.pid or process.poll() is not None, "auditd registers")
        if process.poll() is not None:
            pytest.skip("needs an auditd that starts here")
        auditctl("-e", 1)
        yield directory / "audit.log"
    finally:
        process.terminate()
        process.wait(30)
        wait_until(lambda: status()["pid"] == 0, "auditd is gone")
        auditctl("-e", before["enabled"])


def test_beside_auditd(tarsier, tmp_path, auditd):
    with host_rule("-a", "always,exit", "-F", "arch=b64", "-S", "execve", "-k", "hosts") as foreign:
        daemon = status()["pid"]
        refused = tarsier("watch", "--source", "audit", "--duration", "1s")
        assert refused.returncode == 11
        assert f"process {daemon} is the audit daemon already" in refused.stderr and "read-only" in refused.stderr
        assert rules(own=True) == [] and rules(own=False) == [foreign]
        with watch(tarsier, tmp_path, "--ro") as running:
            running.wait_ready()
            subprocess.run(["/bin/echo", "seen by both"], check=True, stdout=subprocess.DEVNULL)
            running.wait_for(lambda e: e["type"] == "exec" and e["process"].get("argv") == ["/bin/echo", "seen by both"])
            assert status()["pid"] == daemon and rules(own=False) == [foreign] and rules(own=True) == []
            running.finish()
        assert running.statistics["lost"] == 0
        assert status()["pid"] == daemon
        wait_until(lambda: b"seen by both".hex().upper() in auditd.read_text(errors="replace"), "auditd has it, too")
        done = tarsier("watch", "--source", "audit", "--ro", "--audit-rules", "-w /tmp/z -p w", "--duration", "1s")
        assert done.returncode == 2 and "read-only" in done.stderr


def test_not_root(tarsier):
    before = status()
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", tarsier.path, "watch",
                           "--source", "audit", "--duration", "1s"], capture_output=True, text=True, timeout=60)
    if "Permission denied" in done.stderr and "audit" not in done.stderr:
        pytest.skip("needs a program that others may execute")
    assert done.returncode == 4, done.stderr
    assert "root" in done.stderr
    assert status()["enabled"] == before["enabled"]


def test_child_pid_namespace(tarsier):
    if subprocess.run(["unshare", "-pf", "--mount-proc", "true"], capture_output=True).returncode:
        pytest.skip("needs pid and mount namespaces")
    done = subprocess.run(["unshare", "-pf", "--mount-proc", tarsier.path, "watch", "--source", "audit",
                           "--duration", "1s"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 4, done.stderr
    assert "pid namespace" in done.stderr
    assert rules(own=True) == []


def test_the_kernels_losses_are_gaps(tarsier, tmp_path):
    """A reader that stands still, and a kernel that may not wait for it."""
    before = re.search(r"^backlog_wait_time (\d+)", auditctl("-s"), re.M).group(1)
    with watch(tarsier, tmp_path, "--backlog", "64", "--audit-rules",
               "-a always,exit -F arch=b64 -S personality -k noise") as running:
        running.wait_ready()
        worker = status()["pid"]
        lost = status()["lost"]
        try:
            auditctl("--backlog_wait_time", 0)
            os.kill(worker, signal.SIGSTOP)
            noise = "import ctypes; c = ctypes.CDLL(None)\nfor i in range(60000): c.personality(0xffffffff)"
            subprocess.run(["python3", "-c", noise], check=True)
            told = status()["lost"] - lost
        finally:
            os.kill(worker, signal.SIGCONT)
            auditctl("--backlog_wait_time", before)
        assert told > 0, "nothing was lost"
        gap = running.wait_for(lambda e: e["type"] == "gap" and e["gap"].get("reason") == "kernel backlog")
        assert gap["gap"]["unit"] == "records"
        running.finish()
    gaps = [e["gap"]["lost"] for e in running.events if e["type"] == "gap" and
            e["gap"].get("reason") == "kernel backlog"]
    assert sum(gaps) >= told
    assert running.statistics["lost"] >= told
