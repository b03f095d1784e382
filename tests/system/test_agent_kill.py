"""Whatever is killed at whatever point: the agent serves on, nothing that was acknowledged is lost, the run log verifies."""
import json
import os
import random
import signal
import sqlite3
import threading

import pytest
from agent_harness import DONE, Agent, Refused, wait_for

SCHEDULED = 100


def runs_of(state):
    log = sqlite3.connect(f"file:{state}/runs.db?mode=ro", uri=True)
    try:
        return {event: {run for run, in log.execute("SELECT run FROM log WHERE event = ?", (event,))}
                for event in ("intent", "completed", "lost")}
    finally:
        log.close()


def test_agent_killed_during_100_scheduled_runs(tmp_path):
    """Each round the agent is killed somewhere in the middle; at the end every intent has exactly one end."""
    schedule = [{"name": f"s{i}", "module": "example", "every": "500ms", "parameters": {"gethostname": True}}
                for i in range(SCHEDULED)]
    agent = Agent(tmp_path, {"schedule": schedule, "limits": {"runs": 4}})
    choice = random.Random(7)
    acknowledged = set()
    for _ in range(4):
        with agent:
            front = agent.front()
            before = len(runs_of(tmp_path)["completed"])
            wanted = before + choice.randrange(5, 60)
            run, frames = front.run("example", {"gethostname": True})
            assert frames[-1][0] == DONE
            acknowledged.add(run)
            wait_for(lambda wanted=wanted: len(runs_of(tmp_path)["completed"]) >= wanted, "scheduled runs")
            agent.stop(signal.SIGKILL)
            front.close()
        verdict = agent.tarsier("runs", "verify")
        assert verdict.returncode == 0, verdict.stderr
    agent.write({})
    with agent:
        assert agent.tarsier("runs", "verify").returncode == 0
    rows = runs_of(tmp_path)
    assert len(rows["intent"]) >= SCHEDULED
    assert rows["completed"] | rows["lost"] == rows["intent"]
    assert not rows["completed"] & rows["lost"]
    assert acknowledged <= rows["completed"]


def test_an_acknowledged_run_is_in_the_log_after_a_kill(tmp_path):
    """What was answered with an ID has an intent on disk, however soon the agent dies."""
    agent = Agent(tmp_path)
    with agent:
        front = agent.front()
        ids = [front.start("example", {"gethostname": True}) for _ in range(20)]
        agent.stop(signal.SIGKILL)
    assert set(ids) <= runs_of(tmp_path)["intent"]
    with agent:
        front = agent.front()
        runs = {run["run"]: run for run in front.json("runs", limit=100)}
        assert all(runs[run]["state"] in ("completed", "lost") for run in ids)
        lost = [run for run in ids if runs[run]["state"] == "lost"]
        for run in lost[:1]:
            assert "agent ended" in runs[run]["summary"]["reason"]
        done = [run for run in ids if runs[run]["state"] == "completed"]
        for run in done[:3]:
            assert json.loads(front.text("result", run=run))["success"]
    assert agent.tarsier("runs", "verify").returncode == 0


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


def test_kill_of_workers_leaves_the_agent_serving(tmp_path):
    """kill -9 of whatever child there is, at points of no choosing, while runs go on."""
    agent = Agent(tmp_path, {"modules": {"example-persist": {"interval": "200ms"}}, "limits": {"runs": 4}})
    with agent:
        over = threading.Event()
        killed = []

        def killer():
            choice = random.Random(11)
            while not over.is_set():
                for child in children(agent.process.pid):
                    if choice.random() < 0.3:
                        try:
                            os.kill(child, signal.SIGKILL)
                            killed.append(child)
                        except ProcessLookupError:
                            pass
                over.wait(0.01)

        thread = threading.Thread(target=killer)
        thread.start()
        ends = {"completed": 0}
        try:
            front = agent.front()
            for _ in range(60):
                run, frames = front.run("example", {"gethostname": True})
                done = json.loads(frames[-1][1])
                ends["completed"] += done["success"]
                if not done["success"]:
                    assert done.get("partial") or done["code"], done
        finally:
            over.set()
            thread.join()
        assert killed
        assert agent.process.poll() is None
        run, frames = front.run("example", {"gethostname": True})
        assert json.loads(frames[-1][1])["success"]
        wait_for(lambda: agent.service("example-persist")["state"] == "ready", "the module's return")
        assert agent.service("example-persist")["restarts"] > 0
        run, frames = front.run("example-persist", {"string": "still here"})
        assert json.loads(frames[-1][1])["success"]
        assert agent.stop() == 0
    assert agent.tarsier("runs", "verify").returncode == 0


def ready_pid(agent, name):
    service = agent.service(name)
    return service["pid"] if service["state"] == "ready" else None


def test_backoff_grows_and_shows_why(tmp_path):
    agent = Agent(tmp_path, {"modules": {"example-persist": {}}})
    with agent:
        waits = []
        for _ in range(3):
            pid = wait_for(lambda: ready_pid(agent, "example-persist"), "ready")
            os.kill(pid, signal.SIGKILL)
            lines = wait_for(lambda seen=len(waits): (lambda told: told if len(told) > seen else None)(
                [line for line in agent.log().splitlines() if "next start in" in line]), "down")
            assert "signal 9" in lines[-1]
            waits.append(lines[-1])
        assert [line.rsplit(" ", 1)[1] for line in waits] == ["250ms", "500ms", "1s"]
        with pytest.raises(Refused) as refused:
            front = agent.front()
            run, frames = front.run("nosuchmodule", {})
        assert refused.value.code == "not-found"
