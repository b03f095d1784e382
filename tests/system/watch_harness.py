"""A `tarsier watch` beside a test, and the programs that give it something to see."""
import contextlib
import fcntl
import json
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest

HERE = pathlib.Path(__file__).resolve().parent
# Audit, the connector and eBPF are global to the machine: one test at a time.
LOCK = "/run/lock/tarsier-test-audit.lock"


def audit_status():
    """(enabled, failure, pid, rate, backlog, number of rules), or None where there is no audit."""
    text = subprocess.run(["auditctl", "-s"], capture_output=True, text=True).stdout
    values = dict(re.findall(r"^(\w+) (\d+)", text, re.M))
    rules = subprocess.run(["auditctl", "-l"], capture_output=True, text=True).stdout.strip()
    if not values:
        return None
    return (*(values[key] for key in ("enabled", "failure", "pid", "rate_limit", "backlog_limit")), rules)


@contextlib.contextmanager
def alone():
    """The machine's one audit system is ours, and afterwards as it was."""
    os.makedirs(os.path.dirname(LOCK), exist_ok=True)
    with open(LOCK, "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = audit_status()
        yield
        after = audit_status()
        assert after == before, f"the audit system is not as it was before: {before}, now {after}"


def worker_of(pid, name="tarsier-watch"):
    """The pid of the locked process that a run or an agent has for a module."""
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            with contextlib.suppress(OSError):
                if pathlib.Path(f"/proc/{child}/comm").read_text().strip() == name[:15]:
                    return int(child)
    raise AssertionError(f"{pid} has no child {name}")


def churn_program(directory):
    program = directory / "churn"
    if not program.exists():
        subprocess.run(["cc", "-O1", "-o", program, HERE / "churn.c"], check=True)
    return program


class Watch:
    """Runs until finish(); events of the whole run are then in .events, the counters in .statistics."""

    def __init__(self, tarsier, directory, *flags, program=None):
        self.audit = "audit" in flags
        self.output = directory / f"events-{os.urandom(4).hex()}.json"
        self.errors = self.output.with_suffix(".err")
        self.events, self.statistics = [], None
        self._offset, self._rest = 0, b""
        with open(self.output, "wb") as out, open(self.errors, "wb") as err:
            self.process = subprocess.Popen([program or tarsier.path, "watch", "--json", *map(str, flags)], stdout=out,
                                            stderr=err, stdin=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        """Asked to stop first, so that a failing test leaves the kernel as it was."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(30)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def said(self):
        return self.errors.read_text(errors="replace")

    def pump(self):
        """Events that have come since the last call."""
        with open(self.output, "rb") as file:
            file.seek(self._offset)
            text = self._rest + file.read()
            self._offset = file.tell()
        *lines, self._rest = text.split(b"\n")
        new = [json.loads(line) for line in lines]
        self.events += new
        return new

    def wait_for(self, matches, seconds=60, since=0):
        """The first event for which matches(event) is true."""
        limit = time.monotonic() + seconds
        for event in self.events[since:]:
            if matches(event):
                return event
        while time.monotonic() < limit:
            for event in self.pump():
                if matches(event):
                    return event
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"the event did not come; {len(self.events)} events; {self.said()[-2000:]}")

    def wait_ready(self, seconds=60):
        """Until an act of our own is seen."""
        limit = time.monotonic() + seconds
        pids = set()  # what an earlier act told may come only after its time
        while time.monotonic() < limit:
            if self.process.poll() is not None:
                if re.search(r"cannot be used|built without|only in the initial", self.said()):
                    pytest.skip(f"needs this source of events: {self.said().strip()[-300:]}")
                raise AssertionError(f"watch ended: {self.said()}")
            done = subprocess.Popen(["/bin/true"])
            done.wait()
            pids.add(done.pid)
            with contextlib.suppress(AssertionError):
                self.wait_for(lambda e: e["type"] == "exec" and e["process"]["pid"] in pids, 0.5)
                return
        raise AssertionError(f"watch sees nothing: {self.said()}")

    def wait_settled(self):
        """Until everything that happened before this call has been handed out: seen by an act of our own, exec and exit,
        since two streams of the kernel may run apart; with audit an exec counts when audit itself has told it. While
        there is loss an act may be lost too: then another."""
        limit = time.monotonic() + 60
        since = len(self.events)
        for kind in ("exec", "exit"):
            pids = set()
            while True:
                done = subprocess.Popen(["/bin/true"])
                done.wait()
                pids.add(done.pid)
                try:
                    self.wait_for(lambda e: e["type"] == kind and e["process"]["pid"] in pids
                                  and (kind != "exec" or not self.audit or "audit" in e), 2, since)
                    break
                except AssertionError:
                    if time.monotonic() > limit:
                        raise

    def finish(self, number=signal.SIGINT, seconds=60):
        self.process.send_signal(number)
        assert self.process.wait(seconds) is not None
        self.pump()
        found = re.search(r"^statistics: (\{.*\})$", self.said(), re.M)
        self.statistics = json.loads(found.group(1)) if found else None
        return self
