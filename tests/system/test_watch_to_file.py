"""The whole way: a file changes, fswatch sees it, the agent hands the alert to dispatch, dispatch writes it; also over
kill -9 of either module."""

import json
import os
import signal

import pytest
from agent_harness import ROW, TARSIER, Agent, Refused, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not os.access(TARSIER, os.X_OK), reason="needs root, build/tarsier")


def alerts(path):
    if not path.exists():
        return []
    return [json.loads(line)["event"] for line in path.read_text().splitlines()]


def pid_of(agent, name):
    return wait_for(lambda: agent.service(name).get("pid"), f"{name} runs")


def test_alerts_reach_the_file(tmp_path):
    watched, out = tmp_path / "watched", tmp_path / "out"
    watched.mkdir()
    out.mkdir()
    lines = out / "alerts"
    (watched / "program").write_text("1")
    config = {"modules": {"fswatch": {"paths": [f"recursive:{watched}"], "settle": "20ms"},
                          "dispatch": {"outputs": [{"type": "file", "path": str(lines)}]}}}
    with Agent(tmp_path / "state", config) as agent:
        def query(name):
            front = agent.front()
            try:
                rows = [payload for kind, payload in front.run(name)[1] if kind == ROW]
                return json.loads(rows[0][2:]) if rows else {}  # behind the length of an empty label
            except Refused:
                return {}
            finally:
                front.close()

        wait_for(lambda: query("fswatch").get("watched") == 2 and not query("fswatch")["pending"], "the first scan")
        (watched / "new").write_text("x")
        wait_for(lambda: any(a["alert"] == f"new path {watched}/new" for a in alerts(lines)), "the alert")
        assert query("dispatch")["outputs"][0]["delivered"] >= 1

        # fswatch is killed, a file changes while nothing watches; the next start finds it
        os.kill(pid_of(agent, "fswatch"), signal.SIGKILL)
        (watched / "program").write_text("2")
        wait_for(lambda: any(a["event"] == "changed" and a["path"] == f"{watched}/program" for a in alerts(lines)),
                 "the alert about the change")

        # dispatch is killed and the agent has seen it: what happens meanwhile waits in the agent
        killed = pid_of(agent, "dispatch")
        os.kill(killed, signal.SIGKILL)
        wait_for(lambda: agent.service("dispatch").get("pid") != killed, "the end of dispatch")
        (watched / "program").chmod(0o4755)
        wait_for(lambda: any(a["event"] == "attributes" for a in alerts(lines)), "the alert about the mode")
        assert agent.stop() == 0
