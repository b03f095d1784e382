"""A worker that SIGKILL does not end: it asked a FUSE server that keeps silent. Nobody waits for it for ever."""
import json
import os
import signal
import subprocess

import pytest
from agent_harness import DONE, PATIENCE, TARSIER, Agent, wait_for
from silent_fuse import Silent

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not os.access("/dev/fuse", os.R_OK | os.W_OK),
                                reason="skipped: needs root and /dev/fuse")


@pytest.fixture
def silent(tmp_path):
    place = tmp_path / "silent"
    place.mkdir()
    try:
        server = Silent(place)
    except OSError as why:
        pytest.skip(f"skipped: needs FUSE: {why}")
    server.place = place
    with server:
        yield server


def state_of(pid):
    """'D', 'S', 'Z'; None: it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return None


def pidfds(pid):
    links = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            links.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except FileNotFoundError:
            continue
    return sum("pidfd" in link for link in links)


def test_a_command_ends(silent):
    """Also for who reads its stderr to the end, as a shell's $(…) does."""
    command = subprocess.Popen([TARSIER, "file", "--path", str(silent.place), "--name", "x", "--max-time", "2s",
                                "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=silent.enter)
    worker = silent.asked()
    result = json.loads(command.communicate(timeout=PATIENCE)[0])
    assert command.returncode == 7, result  # timeout
    error = next(e for e in result["errors"] if f"process {worker}" in e)
    assert "uninterruptible sleep" in error and "out of time" in error
    assert result["partial"] == "out of time" and not result["success"]
    assert state_of(worker) == "D"
    silent.answer()
    wait_for(lambda: state_of(worker) is None, "the worker's end")


def test_a_report_ends_whole(silent):
    """What it could not see it says; the thread that asked holds only the worker."""
    if not os.path.isdir("/etc/cron.d"):
        pytest.skip("needs /etc/cron.d")
    script = f'mount --bind {silent.place} /etc/cron.d && exec "$0" report --json --sample 0s'
    command = subprocess.Popen(["sh", "-c", script, TARSIER], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               preexec_fn=silent.enter)
    worker = silent.asked()
    result = json.loads(command.communicate(timeout=180)[0])  # longer than a report may take on a slow disk
    assert result["success"] and not result.get("partial"), result["errors"]
    reasons = {item["path"]: item["reason"] for item in result["skipped"]}
    assert reasons["startup-files"] == "etc/cron.d: its file system does not answer"
    silent.answer()
    wait_for(lambda: state_of(worker) is None, "the worker's end")


@pytest.mark.parametrize("end", ["answer", "kill"])
def test_the_agent_goes_on(silent, tmp_path, end):
    with Agent(tmp_path / "state", {"limits": {"runs": 1}}, preexec_fn=silent.enter) as agent:
        def status():
            front = agent.front()
            try:
                return front.json("status")
            finally:
                front.close()
        before = pidfds(agent.process.pid)
        front = agent.front()
        search = {"searches": {"s": {"paths": [str(silent.place)], "names": ["x"]}}}
        _, frames = front.run("file", search, max_time="2s")
        worker = silent.asked()
        done = json.loads(frames[-1][1])
        assert frames[-1][0] == DONE and done["partial"] == "out of time" and not done["success"]
        assert any(f"process {worker}" in text.decode() and "uninterruptible sleep" in text.decode()
                   for _, text in frames)
        assert f"process {worker}, was killed and does not end" in agent.log()
        assert state_of(worker) == "D"
        now = status()
        assert now["workers_lost"] == 1 and now["counters"]["workers_given_up"] == 1
        assert pidfds(agent.process.pid) == before + 1
        _, frames = front.run("host", {})  # its place among the runs is free again
        assert json.loads(frames[-1][1])["success"]
        getattr(silent, end)()
        wait_for(lambda: status()["workers_lost"] == 0, "the worker reaped")
        assert state_of(worker) is None  # not even a zombie
        assert pidfds(agent.process.pid) == before
        assert status()["counters"]["workers_given_up"] == 1
        assert "1 workers that were given up have ended at last; 0 have not" in agent.log()
        front.close()
        assert agent.stop() == 0


def test_they_do_not_pile_up(silent, tmp_path):
    """A schedule that meets a dead file system leaves some workers behind, not one a minute for ever."""
    with Agent(tmp_path / "state", {"limits": {"runs": 32}}, preexec_fn=silent.enter) as agent:
        def lost():
            other = agent.front()
            try:
                return other.json("status")["workers_lost"]
            finally:
                other.close()
        front = agent.front()
        search = {"searches": {"s": {"paths": [str(silent.place)], "names": ["x"]}}}
        runs = [front.start("file", search) for _ in range(32)]
        assert len({silent.asked() for _ in runs}) == 32
        for run in runs:
            front.ask("cancel", run=run)
        wait_for(lambda: lost() == 32, "32 that are left behind")
        _, frames = front.run("host", {})
        assert any(b"32 workers were killed and have not ended" in text for _, text in frames)
        assert not json.loads(frames[-1][1])["success"]
        silent.answer()
        wait_for(lambda: lost() == 0, "all reaped")
        _, frames = front.run("host", {})
        assert json.loads(frames[-1][1])["success"]
        front.close()
        assert agent.stop() == 0


def test_the_agent_ends(silent, tmp_path):
    """Also with a run whose worker cannot be ended."""
    with Agent(tmp_path / "state", {}, preexec_fn=silent.enter) as agent:
        front = agent.front()
        front.start("file", {"searches": {"s": {"paths": [str(silent.place)], "names": ["x"]}}})
        worker = silent.asked()
        assert agent.stop() == 0
        assert state_of(worker) == "D"
        front.close()
    silent.answer()
    wait_for(lambda: state_of(worker) in (None, "Z"), "the worker's end")


def test_the_agent_ends_at_once(silent, tmp_path):
    """The second SIGINT waits no longer for it than for any other."""
    with Agent(tmp_path / "state", {}, preexec_fn=silent.enter) as agent:
        front = agent.front()
        front.start("file", {"searches": {"s": {"paths": [str(silent.place)], "names": ["x"]}}})
        silent.asked()
        agent.process.send_signal(signal.SIGINT)
        wait_for(lambda: "stopping: interrupted" in agent.log(), "its stop")
        agent.process.send_signal(signal.SIGINT)
        assert agent.process.wait(PATIENCE) == 0
        front.close()


def test_a_persistent_module_is_left_behind(silent, tmp_path):
    """fswatch looks at a place that does not answer, before it is ready: it is killed, and the agent ends."""
    agent = Agent(tmp_path / "state", {"modules": {"fswatch": {"paths": [str(silent.place / "x")]}}}, preexec_fn=silent.enter)
    agent.start(ready=False)
    try:
        worker = silent.asked()
        assert agent.service("fswatch")["state"] == "starting"
        assert agent.stop() == 0
        assert f"module fswatch: process {worker} was killed and does not end" in agent.log()
        assert state_of(worker) == "D"
    finally:
        agent.__exit__()
